/**
 * What every part of the control plane works with: the database, its dialect, the queue of its commits and the wake-ups.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import { CommitQueue, type ControlPlaneUnavailable, Wakeups } from "@runlease/core"
import { Effect, type Scope } from "effect"
import type { Database } from "../dialect/Dialect.js"
import * as SqlFailure from "../dialect/SqlFailure.js"
import { SqliteFileCheck } from "../dialect/SqliteFileCheck.js"
import type { RunRow } from "../rows/RunRow.js"
import type { Found, Request } from "./ClaimRequest.js"
import * as ClaimSearch from "./ClaimSearch.js"
import * as RunBatch from "./RunBatch.js"
import * as RunQueries from "./RunQueries.js"

export interface SqlStore extends Database {
  readonly wakeups: Wakeups.Wakeups
  /** Every write goes through it; it refuses them while the file of the database is not in its place. */
  readonly writer: CommitQueue.CommitQueue<Request, RunBatch.RunBatch, SqlError>
  /** Whether the store answers, and writes would be durable. */
  readonly ready: Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable>
  /** Runs a read outside of a commit; its failure says that the store did not answer. */
  readonly read: <A>(
    operation: string,
    effect: Effect.Effect<A, SqlError>,
  ) => Effect.Effect<A, ControlPlaneUnavailable.ControlPlaneUnavailable>
}

const nothing: Found = { due: [], runnable: new Map(), given: new Map() }

/** Reads the runs and searches for the claims of a commit, in one exchange where the database can. */
const begin =
  (database: Database, wakeups: Wakeups.Wakeups) =>
  (refs: ReadonlyArray<RunQueries.RunRef>, claims: ReadonlyArray<Request>) =>
    Effect.suspend(() => {
      const { dialect } = database
      let rows: ReadonlyArray<RunRow> = []
      let found = nothing
      const reads: Array<Effect.Effect<void, SqlError>> = []
      if (refs.length > 0) {
        reads.push(
          Effect.map(RunQueries.lockRuns(database, refs), (read) => {
            rows = read
          }),
        )
      }
      if (claims.length > 0) {
        reads.push(
          Effect.map(ClaimSearch.search(database, claims), (read) => {
            found = read
          }),
        )
      }
      // The first statements do not wait for the instant, which the beginning of the transaction gives.
      return Effect.map(
        reads.length === 0 ? dialect.now : Effect.zipRight(dialect.together(reads), dialect.now),
        (now) => RunBatch.make({ database, wakeups, now, rows, found }),
      )
    })

/**
 * `link` connects the wake-ups of this process with those of other servers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  database: Database,
  link: (local: Wakeups.Wakeups) => Effect.Effect<Wakeups.Wakeups, never, Scope.Scope>,
): Effect.Effect<SqlStore, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const { inPlace } = yield* SqliteFileCheck
    const wakeups = yield* Effect.flatMap(Wakeups.make, link)
    const writer = yield* CommitQueue.make<Request, RunBatch.RunBatch, SqlError>({
      transact: (effect) => Effect.zipRight(inPlace, dialect.transact(effect)),
      begin: begin(database, wakeups),
      finish: ({ finish }) => finish,
      after: ({ after }) => after,
      gather: dialect.gather,
      isolates: dialect.blames,
      unavailable: SqlFailure.unavailable,
    })
    const read: SqlStore["read"] = (operation, effect) =>
      Effect.mapError(effect, (error) => SqlFailure.unavailable(operation, error))
    return {
      sql,
      dialect,
      wakeups,
      writer,
      read,
      ready: Effect.asVoid(read("ready", Effect.zipRight(inPlace, sql`SELECT 1`))),
    }
  })
