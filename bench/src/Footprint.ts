/** The floors write what the store writes, or there is nothing to compare. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { start } from "./contenders/Contender.js"
import * as Machine from "./Machine.js"
import type { SqliteOptions } from "./Stores.js"

const runs = 60

/** Rows in each table, and which columns are filled. */
const of = ({ filename }: SqliteOptions): Effect.Effect<string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Sqlite(filename, { readonly: true })),
    (database) =>
      Effect.sync(() => {
        const tables = ["conversations", "runs", "run_details", "sessions", "events"].map((table) => {
          const rows = database.prepare(`SELECT * FROM ${table}`).all() as ReadonlyArray<
            Record<string, unknown>
          >
          const filled = new Set(
            rows.flatMap((row) => Object.keys(row).filter((column) => row[column] !== null)),
          )
          return `${table}: ${rows.length} rows, ${[...filled].sort().join(" ")}`
        })
        const payloads = database.prepare(
          "SELECT DISTINCT json_remove(payload, '$.runId', '$.threadId') FROM events",
        )
        return [...tables, ...payloads.pluck().all()].join("\n")
      }),
    (database) => Effect.sync(() => database.close()),
  )

/** What so many runs leave behind that a contender has worked through. */
const left = (program: string, options: object) =>
  Effect.gen(function* () {
    const store = yield* Machine.sqlite(`footprint-${program}`, "normal")
    const contender = yield* start(program, { ...options, store })
    yield* contender.ask("fill", runs)
    yield* contender.ask("drain", runs)
    return yield* of(store)
  }).pipe(Effect.scoped)

/** Dies when runs that are worked through by hand leave other rows or columns behind than ours. */
export const check = Effect.gen(function* () {
  const written = yield* left("ByHand", { batch: 50 })
  const stored = yield* left("Runlease", {})
  if (stored !== written) {
    return yield* Effect.dieMessage(`The rows by hand differ from the store's:\n${written}\n\n${stored}`)
  }
})
