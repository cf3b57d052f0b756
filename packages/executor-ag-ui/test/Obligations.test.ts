import { deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { describe } from "vitest"
import { test } from "./Runs.js"
import * as Streams from "./Streams.js"

const read = (path: string) => Effect.promise(() => readFile(new URL(path, import.meta.url), "utf8"))

const document = read("../../../docs/ag-ui-consumer.md")

/** The rows of the tables, each with the file and the title of its test. */
const rowsOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => /^\| (?!-|The consumer)/.test(line))
    .map((line) => ({ line, named: /^\| .*? +\| `(.*?)`: (.*?) +\|$/.exec(line) }))

describe("the table of AG-UI's rules for a consumer", () => {
  test(
    "names in every row a test that exists",
    Effect.gen(function* () {
      const untested = yield* Effect.filter(rowsOf(yield* document), ({ named }) =>
        named === null
          ? Effect.succeed(true)
          : Effect.map(read(named[1]!), (text) => !text.includes(`"${named[2]}"`)),
      )
      deepStrictEqual(untested, [])
    }),
  )

  test(
    "has a row for every stream that must be rejected",
    Effect.gen(function* () {
      const text = yield* document
      deepStrictEqual(
        Object.keys(Streams.rejected).filter((title) => !text.includes(`\`: ${title} `)),
        [],
      )
    }),
  )
})
