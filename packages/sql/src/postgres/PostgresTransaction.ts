/** Transactions of PostgreSQL. The statements of one are sent without waiting for each other's answers where they can be. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { LazyRetry, SideBySide } from "@runlease/core/internal"
import { Clock, Context, Duration, Effect, Exit, Fiber, Option, Runtime, Schedule } from "effect"
import type { Dialect } from "../dialect/Dialect.js"
import { codeOf } from "../dialect/SqlFailure.js"
import type { StoreTime } from "../dialect/StoreTime.js"
import { outcomeUnknown } from "./OutcomeUnknown.js"
import * as RunLocks from "./RunLocks.js"

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

/**
 * How a dialect runs its transactions. `rows` makes a table of values.
 *
 * @category constructors
 */
export const make = (
  sql: SqlClient.SqlClient,
  time: StoreTime["Type"],
  rows: Dialect["rows"],
): Pick<Dialect, "commit" | "instant" | "now" | "together" | "transact"> => {
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
    locks: RunLocks.RunLocks["Type"],
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
              Context.add(RunLocks.RunLocks, locks),
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
    together: (effects) => {
      const [only] = effects
      return only !== undefined && effects.length === 1
        ? only
        : Effect.flatMap(
            SideBySide.exits(effects, { immediate: false }),
            (exits) => exits.find(Exit.isFailure) ?? Effect.void,
          )
    },
    // After a failed statement, PostgreSQL treats COMMIT as ROLLBACK.
    commit: Effect.flatMap(
      Effect.all([
        Effect.serviceOption(OpenTransaction),
        Effect.serviceOption(SqlClient.TransactionConnection),
      ]),
      ([open, connection]) => {
        if (Option.isNone(open) || Option.isNone(connection)) return Effect.void
        open.value.ended = true
        return Effect.asVoid(run(connection.value[0], "COMMIT"))
      },
    ),
    transact: (effect) =>
      Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (open) =>
        Option.isSome(open)
          ? effect
          : Effect.suspend(() => {
              const locks = RunLocks.make()
              const once = own(Effect.zipRight(RunLocks.begin(sql, rows, locks), effect), locks)
              const begun = LazyRetry.retry(once, {
                schedule: Schedule.recurs(mostBeginnings),
                while: () => locks.busy,
              })
              return LazyRetry.retry(begun, {
                schedule: again,
                while: (error) => error instanceof SqlError && isContention(error),
              })
            }),
      ),
  }
}
