import { describe, expect, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Effect, RegExp } from "effect"
import { readFile } from "node:fs/promises"

const read = (path: string) => Effect.promise(() => readFile(new URL(path, import.meta.url), "utf8"))

/** The rows of the tables, each with the file and the title of its test. */
const rowsOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => /^\|(?! *-)(?! +\| The client)/.test(line))
    .map((line) => ({
      line,
      named: /^\| (?:MUST|MUST NOT|SHOULD|SHOULD NOT|schema) +\| .*? +\| `(\w+\.test\.ts)`: (.*?) +\|$/.exec(
        line,
      ),
    }))

/** Whether a file has a test of that title, in which `…` stands for a value. */
const hasTest = (file: string, title: string): boolean => {
  const values = title
    .split("…")
    .map(RegExp.escape)
    .join(String.raw`\$\{[^}]+\}`)
  return (
    file.includes(`"${title}"`) || (title.includes("…") && new globalThis.RegExp(`\`${values}\``).test(file))
  )
}

describe("the table of the Agent Client Protocol's rules for a client", () => {
  it.effect("names in every row a test that exists", () =>
    Effect.gen(function* () {
      const rows = rowsOf(yield* read("../../../docs/acp-client.md"))
      const untested = yield* Effect.filter(rows, ({ named }) =>
        named === null
          ? Effect.succeed(true)
          : Effect.map(read(named[1]!), (text) => !hasTest(text, named[2]!)),
      )
      deepStrictEqual(
        untested.map(({ line }) => line),
        [],
      )
    }),
  )

  it("finds tests that exist, and no others", () => {
    const file = 'it("is so", …)\nit(`is ${part} of ${whole}`, …)'
    expect(
      ["is so", "is … of …", "is", "is …", "is ${part} of ${whole}"].map((title) => hasTest(file, title)),
    ).toEqual([true, true, false, false, false])
  })
})
