/** Checks that the baseline writes the same rows as the store, as the comparison assumes. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { start } from "../contenders/Contender.js"
import * as Machine from "../Machine.js"
import * as Stores from "../Stores.js"

const runs = 60

/** The runs that the counters say have completed. Their rows are added up while they are written, so they are not compared. */
const completed = `SELECT 'counted: ' || sum(json_extract(counters, '$."ended.completed"')) FROM (
  SELECT counters FROM counter_deltas UNION ALL SELECT counters FROM counter_sums WHERE step = 1
)`

/** The number of rows and the filled columns of each table. */
const footprintOf = ({ filename }: Stores.SqliteOptions): Effect.Effect<string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Sqlite(filename, { readonly: true })),
    (database) =>
      Effect.sync(() => {
        // The baseline does not register as a worker.
        const names = database
          .prepare(
            `SELECT name FROM sqlite_schema
              WHERE type = 'table' AND name NOT IN ('workers', 'counter_deltas', 'counter_sums') ORDER BY name`,
          )
          .pluck()
          .all() as ReadonlyArray<string>
        const tables = names.map((table) => {
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
        return [...tables, ...payloads.pluck().all(), database.prepare(completed).pluck().get()].join("\n")
      }),
    (database) => Effect.sync(() => database.close()),
  )

/** The footprint of `runs` runs that a contender has executed. */
const footprintAfter = (program: string, options: object) =>
  Effect.gen(function* () {
    const store = yield* Machine.sqlite(`footprint-${program}`, "normal")
    yield* Effect.scoped(Stores.local(store))
    const contender = yield* start(program, { ...options, store })
    yield* contender.call("fill", runs)
    yield* contender.call("drain", runs)
    return yield* footprintOf(store)
  }).pipe(Effect.scoped)

/** Dies when the baseline leaves other rows or columns than Runlease. */
export const check = Effect.gen(function* () {
  const written = yield* footprintAfter("ByHand", { batch: 50 })
  const stored = yield* footprintAfter("Runlease", {
    concurrency: 24,
    noop: "effect",
    servers: 1,
    submits: false,
  })
  if (stored !== written) {
    return yield* Effect.dieMessage(`The rows by hand differ from the store's:\n${written}\n\n${stored}`)
  }
})
