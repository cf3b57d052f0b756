/** What every part of the control plane works with: the database, its dialect, the queue of its commits and the wake-ups. */
import { SqlError } from "@effect/sql/SqlError"
import type { ControlPlaneUnavailable } from "@runlease/core"
import { RunCommits, type RunRows, type RunStore, Wakeups } from "@runlease/store"
import { Clock, Duration, Effect, type Fiber, type Scope } from "effect"
import type { Database } from "../dialect/Dialect.js"
import * as SqlFailure from "../dialect/SqlFailure.js"
import { SqliteFileCheck } from "../dialect/SqliteFileCheck.js"
import * as SqlRunReads from "./SqlRunReads.js"

export interface SqlStore extends Database {
  readonly wakeups: Wakeups.Wakeups
  readonly runs: RunStore.RunStore<SqlError>
  /** Every write goes through it. */
  readonly writer: RunCommits.RunCommits<SqlError>
  /** Open where the outbox may have rows. It may miss some, which the next look at what is due finds. */
  readonly outbox: Effect.Latch
  /** Whether the store confirms a commit, and writes would be durable. */
  readonly ready: Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable>
  /** Runs a read outside of a commit; its failure says that the store did not answer. */
  readonly read: <A>(
    operation: string,
    effect: Effect.Effect<A, SqlError>,
  ) => Effect.Effect<A, ControlPlaneUnavailable.ControlPlaneUnavailable>
}

/** How long a caller waits for a commit to be confirmed. */
const patience = Duration.seconds(5)

/** How long an answer serves others too, in milliseconds: anyone may check whether a server is ready. */
const fresh = 1000

const unanswered = () =>
  new SqlError({
    message: "ready",
    cause: new Error(`a commit is not confirmed within ${Duration.format(patience)}`),
  })

/** Whether commits are confirmed. There is one commit at a time, whose answer all wait for, so that those that hang do not pile up. */
const makeConfirmed = (confirm: Effect.Effect<void, SqlError>) =>
  Effect.map(Effect.scope, (scope) => {
    let last: Fiber.RuntimeFiber<void, SqlError> | undefined
    let begun = 0
    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (last === undefined || (last.unsafePoll() !== null && now - begun >= fresh)) {
        begun = now
        last = yield* Effect.forkIn(confirm, scope)
      }
      return yield* last
    }).pipe(Effect.timeoutFail({ duration: patience, onTimeout: unanswered }))
  })

/**
 * Connects the wake-ups of this process with those of other servers. `outboxGrew` says that another program may have inserted rows into the
 * outbox.
 */
export type Link = (
  local: Wakeups.Wakeups,
  outboxGrew: () => void,
) => Effect.Effect<Wakeups.Wakeups, never, Scope.Scope>

/** `rows` are those of a transaction on the database. */
export const make = (
  database: Database,
  rows: RunRows.RunRows<SqlError>,
  link: Link,
): Effect.Effect<SqlStore, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const { inPlace } = yield* SqliteFileCheck
    const outbox = yield* Effect.makeLatch()
    const wakeups = yield* Effect.flatMap(Wakeups.make, (local) => link(local, () => outbox.unsafeOpen()))
    const reads = SqlRunReads.make(database)
    const runs: RunStore.RunStore<SqlError> = {
      rows,
      reads: {
        ...reads,
        nextDue: Effect.tap(reads.nextDue, (due) => (due.outbox ? outbox.open : Effect.void)),
      },
      transact: dialect.transact,
      civilNow: dialect.civilNow,
      gather: dialect.gather,
      isolates: dialect.blames,
      unavailable: SqlFailure.unavailable,
    }
    const writer = yield* RunCommits.make(runs, wakeups)
    const confirmed = yield* makeConfirmed(dialect.confirm)
    const read: SqlStore["read"] = (operation, effect) =>
      Effect.mapError(effect, (error) => SqlFailure.unavailable(operation, error))
    return {
      sql,
      dialect,
      wakeups,
      outbox,
      runs,
      writer,
      read,
      ready: read("ready", inPlace.pipe(Effect.zipRight(sql`SELECT 1`), Effect.zipRight(confirmed))),
    }
  })
