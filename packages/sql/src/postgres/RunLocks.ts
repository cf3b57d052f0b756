/**
 * The locks of the runs of a transaction, in one order for all transactions: that of their keys.
 *
 * The first lock of a transaction waits for others, and takes its runs in that order. What a transaction finds out later that it needs, it
 * locks without waiting: where another one has some of that, it is undone, and begins again with a lock of all runs that it has named so
 * far. So a transaction that waits for a run has none that comes after it, and no two wait for each other's runs.
 *
 * Source: docs/decisions/0091-one-order-of-locks.md
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Option } from "effect"
import type { Dialect, RunLocking } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import * as RunNames from "../dialect/RunNames.js"
import { tableOf } from "../rows/RunFields.js"

/** The locks of a transaction, and of the one that repeats it. */
interface Locks {
  /** The runs that the transaction has named. */
  named: Array<RunNames.RunNames>
  /** Whether the transaction has a lock that another one may wait for. */
  holds: boolean
  /** Whether another transaction had a run that this one has named. */
  busy: boolean
}

/** The locks of the open transaction. */
export class RunLocks extends Context.Tag("@runlease/sql/RunLocks")<RunLocks, Locks>() {}

export const make = (): Locks => ({ named: [], holds: false, busy: false })

/** Runs outside of a transaction too. */
const withLocks = <A, E, R>(f: (locks: Locks) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.serviceOption(RunLocks), (locks) => f(Option.getOrElse(locks, make)))

/** An effect that locks what another transaction may wait for. */
export const holding = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  withLocks((locks) => {
    locks.holds = true
    return effect
  })

type Keyed = { readonly run_pk: number }

/**
 * Locks runs before their states are read by a later statement. A transaction that changes a run locks its row of `runs`. A claim locks the
 * row of `queue` alone, so that row is locked too.
 *
 * @category locking
 */
export const lockRuns =
  (sql: SqlClient.SqlClient, rows: Dialect["rows"]) =>
  (names: RunNames.RunNames): RunLocking => {
    const runs = new Set<number>()
    const queued = new Set<number>()
    let waits = true
    const from = RunNames.from(sql, rows, names)
    const lock = (alias: string, join: string, locked: Set<number>) =>
      Effect.suspend(() =>
        Effect.map(
          execute(
            sql<Keyed>`SELECT ${sql.literal(alias)}.run_pk ${from} ${sql.literal(join)}
              ORDER BY ${sql.literal(alias)}.run_pk
              FOR UPDATE OF ${sql.literal(`${alias}${waits ? "" : " SKIP LOCKED"}`)}`,
          ),
          (found) => found.forEach(({ run_pk }) => locked.add(run_pk)),
        ),
      )
    const first = withLocks((locks) => {
      waits = !locks.holds
      locks.holds = true
      locks.named.push(names)
      return lock("r", "", runs)
    })
    const isLocked = ({ key, state }: Parameters<RunLocking["check"]>[0][number]): boolean =>
      runs.has(key) && (tableOf(state) !== "queue" || queued.has(key))
    return {
      statements: [first, lock("q", "JOIN queue q ON q.run_pk = r.run_pk", queued)],
      check: (found) =>
        waits || found.every(isLocked)
          ? Effect.void
          : withLocks((locks) => {
              locks.busy = true
              const message = "Another transaction has a run of the commit"
              return new SqlError({ cause: new Error(message), message })
            }),
    }
  }

/**
 * Begins a transaction: one that was undone for a run that another one had locks all runs that it had named, and waits for them.
 *
 * @category locking
 */
export const begin = (
  sql: SqlClient.SqlClient,
  rows: Dialect["rows"],
  locks: Locks,
): Effect.Effect<void, SqlError> =>
  Effect.suspend(() => {
    const { busy, named } = locks
    locks.named = []
    locks.holds = false
    locks.busy = false
    if (!busy) return Effect.void
    const refs = named.flatMap((names) => ("refs" in names ? names.refs : []))
    const keys = new Set(named.flatMap((names) => ("keys" in names ? names.keys : [])))
    const resolved = Effect.map(
      execute(sql<Keyed>`SELECT r.run_pk ${RunNames.from(sql, rows, { refs })}`),
      (found) => found.forEach(({ run_pk }) => keys.add(run_pk)),
    )
    return Effect.zipRight(
      refs.length === 0 ? Effect.void : resolved,
      Effect.suspend(() =>
        Effect.all(lockRuns(sql, rows)({ keys: [...keys] }).statements, { discard: true }),
      ),
    )
  })
