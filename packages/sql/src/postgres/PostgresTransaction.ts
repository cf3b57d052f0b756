/** Transactions of PostgreSQL. The statements of one are sent without waiting for each other's answers where they can be. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Ids } from "@runlease/core"
import { retry } from "@runlease/core/ControlPlaneUnavailable"
import * as SideBySide from "@runlease/core/SideBySide"
import { Clock, Context, Duration, Effect, Exit, Fiber, Option, Runtime, Schedule } from "effect"
import type { Dialect, RunLocking } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import * as RunNames from "../dialect/RunNames.js"
import { codeOf } from "../dialect/SqlFailure.js"
import type { StoreTime } from "../dialect/StoreTime.js"
import { tableOf } from "../rows/RunFields.js"
import { outcomeUnknown } from "./PostgresText.js"

/** The locks of a transaction, and of the one that repeats it. */
interface Locks {
  named: Array<RunNames.RunNames>
  /** Whether the transaction has a lock that another one may wait for. */
  holds: boolean
  /** Whether another transaction had a run that this one has named. */
  busy: boolean
}

/** The locks of the open transaction. */
class RunLocks extends Context.Tag("@runlease/sql/RunLocks")<RunLocks, Locks>() {}

/**
 * The locks of the runs of a transaction, in one order for all transactions: that of their keys.
 *
 * The first lock of a transaction waits for others, and takes its runs in that order. What a transaction finds out later that it needs, it
 * locks without waiting: where another one has some of that, it is undone, and begins again with a lock of all runs that it has named so
 * far. So a transaction that waits for a run has none that comes after it, and no two wait for each other's runs.
 *
 * Source: docs/decisions/0091-one-order-of-locks.md
 */
const makeLocks = (): Locks => ({ named: [], holds: false, busy: false })

/** Runs outside of a transaction too. */
const withLocks = <A, E, R>(f: (locks: Locks) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.serviceOption(RunLocks), (locks) => f(Option.getOrElse(locks, makeLocks)))

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

/** Begins a transaction: one that was undone for a run that another one had locks all runs that it had named, and waits for them. */
const lockAtBegin = (
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

/** The transaction of a commit, whose BEGIN has been sent. */
class OpenTransaction extends Context.Tag("@runlease/sql/OpenTransaction")<
  OpenTransaction,
  {
    /** The instant of the transaction. */
    readonly now: Effect.Effect<number, SqlError>
    /** The same instant as a part of a statement. */
    readonly instant: Fragment | number
    /** Whether its COMMIT has been sent with its last statements. */
    ended: boolean
  }
>() {}

const epochMillis = (time: string) => `(extract(epoch from ${time}) * 1000)::bigint`

/** The instant at which the transaction began, the same in all of its statements. */
const begun = epochMillis("now()")

/** In whole milliseconds, as the database stores instants; the clock of a test may be between two. */
const clockMillis = Effect.map(Clock.currentTimeMillis, Math.floor)

/**
 * A concurrent transaction won: a serialization failure, a deadlock, a key that another transaction inserted meanwhile, a
 * write of another number of rows (which divides by zero), or a table that was altered under a prepared statement.
 */
const isContention = (error: SqlError): boolean => /^(40001|40P01|23505|22012|0A000)$/.test(codeOf(error))

/** At once, then soon. */
const again = Schedule.exponential(Duration.millis(2)).pipe(
  Schedule.jittered,
  Schedule.modifyDelay((out, delay) =>
    Duration.toMillis(out) < 4 ? Duration.zero : Duration.millis(Math.ceil(Duration.toMillis(delay))),
  ),
  Schedule.intersect(Schedule.recurs(8)),
)

/** The most times that a transaction begins again for runs of another one. It waits for them then, so this is a bound for mistakes. */
const mostBeginnings = 64

/** Writes to the log of the database and to no table, so that the commit waits for the standbys that it should wait for. */
export const emission = (text: string): string =>
  `SELECT pg_logical_emit_message(true, 'runlease', '${text}')`

const run = (connection: Connection, statement: string): Effect.Effect<ReadonlyArray<unknown>, SqlError> =>
  connection.executeUnprepared(statement, [], undefined)

/** How a dialect runs its transactions. `rows` makes a table of values. */
export const make = (
  sql: SqlClient.SqlClient,
  time: StoreTime["Type"],
  rows: Dialect["rows"],
): Pick<Dialect, "instant" | "now" | "together" | "transact"> => {
  // After a failed statement, PostgreSQL treats COMMIT as ROLLBACK.
  const commit = Effect.flatMap(
    Effect.all([
      Effect.serviceOption(OpenTransaction),
      Effect.serviceOption(SqlClient.TransactionConnection),
    ]),
    ([open, connection]) => {
      if (Option.isNone(open) || Option.isNone(connection)) return Effect.void
      open.value.ended = true
      return Effect.asVoid(run(connection.value[0], "COMMIT"))
    },
  )

  const instantNow: Effect.Effect<Fragment | number> =
    time === "clock" ? clockMillis : Effect.succeed(sql.literal(begun))

  // One exchange begins the transaction and reads the time. The first statements do not wait for its answer.
  const begin = (
    connection: Connection,
    instant: Fragment | number,
    further: string,
  ): Effect.Effect<number, SqlError> =>
    typeof instant === "number"
      ? Effect.as(run(connection, `BEGIN${further}`), instant)
      : Effect.map(run(connection, `BEGIN; SELECT ${begun} AS now${further}`), (results) => {
          const [, rows] = results as ReadonlyArray<ReadonlyArray<{ readonly now: number }>>
          return rows![0]!.now
        })

  /** A commit that no standby has confirmed; until a later one is confirmed, nothing that this one wrote may be acknowledged. */
  let unconfirmed: SqlError | undefined

  const own = <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    locks: RunLocks["Type"],
  ): Effect.Effect<A, E | SqlError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.scoped(
        Effect.flatMap(Effect.zip(sql.reserve, instantNow), ([connection, instant]) =>
          Effect.flatMap(Effect.runtime<R>(), (runtime) => {
            // It is sent before any other statement: a fiber that is run starts at once.
            const before = unconfirmed
            // A transaction that reads what is there already would commit without a wait for a standby.
            const further = before === undefined ? "" : `; ${emission("confirm")}`
            const beginning = Runtime.runFork(runtime, begin(connection, instant, further))
            const open = { now: Fiber.join(beginning), instant, ended: false }
            const inside = runtime.context.pipe(
              Context.add(SqlClient.TransactionConnection, [connection, 0] as const),
              Context.add(OpenTransaction, open),
              Context.add(RunLocks, locks),
            )
            const ending = (exit: Exit.Exit<A, E>): Effect.Effect<void, SqlError> => {
              if (open.ended) return Effect.void
              // A connection that is gone has rolled back already.
              return Exit.isSuccess(exit)
                ? Effect.asVoid(run(connection, "COMMIT"))
                : Effect.ignore(run(connection, "ROLLBACK"))
            }
            return Effect.flatMap(Effect.exit(restore(Effect.provide(effect, inside))), (exit) =>
              Effect.zipRight(
                Fiber.await(beginning),
                Effect.flatMap(ending(exit), () => exit),
              ),
            ).pipe(
              Effect.tapBoth({
                onFailure: (error) =>
                  Effect.sync(() => {
                    if (error instanceof SqlError && codeOf(error) === outcomeUnknown) unconfirmed = error
                  }),
                onSuccess: () =>
                  Effect.sync(() => {
                    if (unconfirmed === before) unconfirmed = undefined
                  }),
              }),
            )
          }),
        ),
      ),
    )

  return {
    now: Effect.flatMap(Effect.serviceOption(OpenTransaction), (open) => {
      if (Option.isSome(open)) return open.value.now
      return time === "clock"
        ? clockMillis
        : Effect.map(
            sql<{
              readonly now: number
            }>`SELECT ${sql.literal(epochMillis("clock_timestamp()"))} AS now`,
            ([row]) => row!.now,
          )
    }),
    instant: Effect.flatMap(Effect.serviceOption(OpenTransaction), (open) =>
      Option.isSome(open) ? Effect.succeed(open.value.instant) : instantNow,
    ),
    // Fibers start in their order, and the connection sends their statements without waiting for answers. A failure does
    // not stop the others, since they have been sent; the statements after it fail in the database.
    together: (effects, end) => {
      const all = end === "commit" ? [...effects, commit] : effects
      const [only] = all
      return only !== undefined && all.length === 1
        ? only
        : Effect.flatMap(
            SideBySide.exits(all, { immediate: false }),
            (exits) => exits.find(Exit.isFailure) ?? Effect.void,
          )
    },
    transact: (effect) =>
      Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (open) =>
        Option.isSome(open)
          ? effect
          : Effect.suspend(() => {
              const locks = makeLocks()
              const once = own(Effect.zipRight(lockAtBegin(sql, rows, locks), effect), locks)
              const begun = retry(once, {
                schedule: Schedule.recurs(mostBeginnings),
                while: () => locks.busy,
              })
              return retry(begun, {
                schedule: again,
                while: (error) => error instanceof SqlError && isContention(error),
              })
            }),
      ),
  }
}

/** How long a commit may take that has nothing to write. */
const patience = Duration.seconds(3)

/**
 * Commits an entry of the log of the database, which is in no table and needs no lock. A commit that takes more than three seconds is
 * cancelled, as it would stay in its process: it fails as one that no standby confirms, or whenever its connection fails.
 *
 * Source: docs/decisions/0126-poolers-and-standbys.md
 */
export const probeCommit = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const text = emission(yield* Ids.uuidV7)
    const writing = yield* Effect.fork(sql.unsafe(text))
    yield* Effect.raceFirst(Fiber.await(writing), Effect.sleep(patience))
    // The process is found by its statement: behind a pooler the connection does not know it.
    if (writing.unsafePoll() === null) {
      yield* sql`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = ${text}`
    }
    yield* Fiber.join(writing)
  })
