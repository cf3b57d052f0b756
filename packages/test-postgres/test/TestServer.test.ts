import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Pg from "pg"
import * as Bundle from "../../cli/checkout/bundle.mjs"
import * as TestServer from "../src/TestServer.js"

const query = (url: string, statement: string) =>
  Effect.tryPromise(async () => {
    const client = new Pg.Client({ connectionString: url })
    // The server may end at any moment. The query reports that.
    client.on("error", () => {})
    await client.connect()
    try {
      return (await client.query(statement)).rows as ReadonlyArray<unknown>
    } finally {
      await client.end()
    }
  })

describe("TestServer", () => {
  it.live("preserves commits when it is killed, and leaves no process or folder", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* TestServer.make()
          yield* query(server.url, "CREATE TABLE numbers AS SELECT 1 AS one")
          yield* server.kill("SIGKILL")
          assertTrue((yield* Effect.either(query(server.url, "SELECT 1")))._tag === "Left")
          yield* server.start
          deepStrictEqual(yield* query(server.url, "SELECT one FROM numbers"), [{ one: 1 }])
          const [row] = yield* query(server.url, "SHOW data_directory")
          return (row as { readonly data_directory: string }).data_directory
        }),
      )
      assertTrue(!fs.existsSync(path.dirname(folder)))
    }),
  )

  it.live("ends when the process that started it is killed", () =>
    Effect.gen(function* () {
      const program = yield* Effect.promise(() =>
        Bundle.fixture(new URL("fixtures/keeper.ts", import.meta.url)),
      )
      const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] })
      const [url] = (yield* Effect.promise(() => once(child.stdout, "data"))).map(String)
      deepStrictEqual(yield* query(url!.trim(), "SELECT 1 AS one"), [{ one: 1 }])
      child.kill("SIGKILL")
      yield* Effect.repeat(Effect.isSuccess(query(url!.trim(), "SELECT 1")), { while: (answers) => answers })
    }),
  )
})
