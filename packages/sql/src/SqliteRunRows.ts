/**
 * The rows of a transaction on an SQLite file: the common operations are plain, the others are those of any SQL database.
 *
 * Source: docs/decisions/0052-plain-rows-on-sqlite.md
 */
import { SqlError } from "@effect/sql/SqlError"
import { type RunRows, StoredRun } from "@runlease/core/store"
import type Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as RunWrites from "./batch/RunWrites.js"
import * as SqlRunRows from "./batch/SqlRunRows.js"
import type { Database } from "./dialect/Dialect.js"
import * as SqliteRows from "./sqlite/SqliteRows.js"

const attempt = <A>(run: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({
    try: run,
    catch: (cause) =>
      cause instanceof SqlError ? cause : new SqlError({ cause, message: "The statement failed" }),
  })

/** `handle` is the connection of `database`. */
export const make = (database: Database, handle: Sqlite.Database): RunRows.RunRows<SqlError> => {
  const plain = SqliteRows.make(handle)
  const insertCounted = SqliteRows.counterInserter(handle)
  const bulk = SqlRunRows.make(database)
  const { now, write } = database.dialect
  return {
    ...bulk,
    find: (refs) => attempt(() => plain.find(refs)),
    search: (search) => Effect.flatMap(now, (instant) => attempt(() => plain.search(search, instant))),
    due: Effect.flatMap(now, (instant) => attempt(() => plain.due(instant))),
    advanceLanes: (lanes, admits) =>
      Effect.flatMap(now, (instant) =>
        attempt(() => {
          const changes = StoredRun.advanced(plain.laneHeads(lanes), instant, admits)
          plain.write(changes, instant)
          return changes.map(StoredRun.afterChange)
        }),
      ),
    claimDetails: (runs, sessions) =>
      sessions ? bulk.claimDetails(runs, sessions) : attempt(() => plain.claimDetails(runs)),
    insert: (runs) => Effect.flatMap(now, (instant) => attempt(() => plain.insert(runs, instant))),
    write: (changes, counted) =>
      Effect.flatMap(now, (instant) => {
        const states = attempt(() => {
          plain.write(changes, instant)
          insertCounted(counted)
        })
        const details = RunWrites.writeDetails(database, changes, instant)
        return details.length === 0 ? states : Effect.zipRight(states, write(details))
      }),
  }
}
