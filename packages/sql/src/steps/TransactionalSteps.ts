/**
 * Steps in a transaction of a `SqlClient`: its writes and the record of its result are committed together.
 *
 * ```ts
 * const pay = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE accounts SET balance = balance - 10 WHERE id = 1`)
 * const agent = Refund.toLayer(() => Step.transaction("pay", pay))
 *
 * const layer = agent.pipe(Layer.provide(TransactionalSteps.layer), Layer.provide(PgClient.layer({ url })))
 * ```
 *
 * Source: docs/decisions/0139-steps-in-a-transaction.md
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { type ControlPlaneError, type Ids, Run, Runs, StepDatabase } from "@runlease/core"
import { StepError } from "@runlease/core/Step"
import { Duration, Effect, Layer, Option, Schema } from "effect"
import * as Repetition from "./Repetition.js"
import * as StepTable from "./StepTable.js"

const dialectOf = (sql: SqlClient.SqlClient): Effect.Effect<StepTable.Dialect> =>
  sql.onDialectOrElse({
    pg: () => Effect.succeed<StepTable.Dialect>("postgres"),
    sqlite: () => Effect.succeed<StepTable.Dialect>("sqlite"),
    orElse: () =>
      Effect.dieMessage("Steps in a transaction need PostgreSQL or SQLite; this is another database"),
  })

/** The statement that makes the table `runlease_steps` where it is missing, for a tool that migrates the database. */
export const definition: (dialect: StepTable.Dialect) => string = StepTable.definition

/**
 * Makes the table `runlease_steps` where it is missing. It is a migration too: a user's Migrator runs it under a number of its own.
 * `runlease sql steps` prints its statement.
 */
export const table: Effect.Effect<void, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const dialect = yield* dialectOf(sql)
  const isThere = Effect.map(sql.unsafe(StepTable.lookup[dialect]), (rows) => rows.length > 0)
  if (yield* isThere) return
  // Two processes that make it at the same time do not both succeed.
  yield* Effect.catchAll(sql.unsafe(StepTable.definition(dialect)), (error) =>
    Effect.flatMap(isThere, (made) => (made ? Effect.void : Effect.fail(error))),
  )
})

/** The database of the client, which has the table. */
export const make: Effect.Effect<StepDatabase.Database<void>, never, SqlClient.SqlClient> = Effect.gen(
  function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const statements = StepTable.statements[yield* dialectOf(sql)]
    const once = <E, R>(key: StepDatabase.StepKey, body: () => Effect.Effect<string, E, R>) => {
      const ids = [key.runId, key.stepId]
      const written = Effect.mapError(
        Effect.suspend(body),
        (error) => new Repetition.BodyFailure(error),
      ).pipe(
        Effect.tap((text) =>
          Effect.filterOrFail(
            sql.unsafe(statements.write, [text, ...ids]),
            (rows) => rows.length === 1,
            () => StepTable.lost(key),
          ),
        ),
      )
      const read = Effect.flatMap(sql.unsafe(statements.read, ids), (rows) => {
        const text = StepTable.textOf(key, rows)
        return text instanceof StepError ? Effect.fail(text) : Effect.succeed(text)
      })
      const transaction = sql.withTransaction(
        Effect.flatMap(sql.unsafe(statements.insert, ids), (inserted) =>
          inserted.length === 1 ? written : read,
        ),
      )
      return Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (open) =>
        Option.isSome(open)
          ? new StepError({
              step: key.name,
              reason: "nested",
              message: `Step ${key.name} is inside a transaction, which could be rolled back behind its record`,
            })
          : Repetition.repeated(key, transaction),
      )
    }
    return { once }
  },
)

/** The database of the client for `Step.transaction`. It makes the table where it is missing. */
export const layer: Layer.Layer<StepDatabase.StepDatabase, SqlError, SqlClient.SqlClient> = Layer.effect(
  StepDatabase.StepDatabase,
  Effect.zipRight(table, make),
)

/** Rows of less than a day are not pruned: a worker that was stopped in the middle of a step must find its row when it wakes. */
export class PruneRefused extends Schema.TaggedError<PruneRefused>("@runlease/sql/PruneRefused")(
  "PruneRefused",
  { olderThan: Schema.DurationFromSelf },
) {
  override get message() {
    return `Rows of steps are pruned after a day or later, not after ${Duration.format(this.olderThan)}`
  }
}

const least = Duration.days(1)

const page = 200

/**
 * Removes the rows of `runlease_steps` that are older and whose run has ended, or is no longer in the control plane. It returns how many. While
 * a run has not ended its rows stay, however old they are: an attempt that finds no record in the log would write again.
 *
 * A run of another project, or of another control plane, counts as one that is gone. Where several share a table, prune it by a statement of
 * your own, later than the longest of their retentions.
 *
 * Fails: `PruneRefused` for less than a day.
 */
export const prune = (options: {
  readonly olderThan: Duration.DurationInput
}): Effect.Effect<
  number,
  SqlError | ControlPlaneError.ControlPlaneError | PruneRefused,
  SqlClient.SqlClient | Runs.Runs
> =>
  Effect.gen(function* () {
    const olderThan = Duration.decode(options.olderThan)
    if (Duration.lessThan(olderThan, least)) return yield* new PruneRefused({ olderThan })
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const runs = yield* Runs.Runs
    const seconds = Math.ceil(Duration.toSeconds(olderThan))
    const isOld =
      (yield* dialectOf(sql)) === "postgres"
        ? sql`created_at < now() - make_interval(secs => ${seconds})`
        : sql`created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ${`-${seconds} seconds`})`
    const isDone = (runId: string) =>
      runs.get(runId as Ids.RunId).pipe(
        Effect.map(({ status }) => Run.isTerminal(status)),
        Effect.catchTag("RunNotFound", () => Effect.succeed(true)),
      )
    const from = (after: string): Effect.Effect<number, SqlError | ControlPlaneError.ControlPlaneError> =>
      Effect.gen(function* () {
        const rows = yield* sql<{ readonly run_id: string }>`SELECT DISTINCT run_id FROM runlease_steps
          WHERE ${isOld} AND run_id > ${after} ORDER BY run_id LIMIT ${page}`
        const ids = rows.map((row) => row.run_id)
        const last = ids.at(-1)
        if (last === undefined) return 0
        const done = yield* Effect.filter(ids, isDone, { concurrency: 8 })
        const removed =
          done.length === 0
            ? []
            : yield* sql`DELETE FROM runlease_steps WHERE ${sql.in("run_id", done)} AND ${isOld} RETURNING step`
        return removed.length + (yield* from(last))
      })
    return yield* from("")
  })
