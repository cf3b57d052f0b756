/**
 * Submits the rows of an outbox in another database than that of the control plane, by a client of the control plane.
 *
 * A row leaves the database after its run is acknowledged. A relay that dies between the two submits the row again, and its id is that of the
 * run, so the repeat changes nothing.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { type ControlPlaneError, ControlPlaneUnavailable, Runs, TraceContext } from "@runlease/core"
import { Outbox, StoreMetrics } from "@runlease/store"
import { Array, Duration, Effect, Either, Layer, Option, Schedule, Stream } from "effect"
import { statements } from "../migrations/0022_Outbox.js"

/** `project`: the name in the rows that are submitted, `default` when absent. Others stay. */
export interface Options {
  readonly project?: string | undefined
}

export type Dialect = keyof typeof statements

/** The statements that make the tables of an outbox where they are missing. */
export const definition = (dialect: Dialect): ReadonlyArray<string> => statements[dialect]

/** Makes the tables of the outbox where they are missing. */
export const tables: Effect.Effect<void, SqlError, SqlClient.SqlClient> = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql.withTransaction(
      Effect.forEach(
        definition(
          sql.onDialectOrElse({ sqlite: () => "sqlite" as const, orElse: () => "postgres" as const }),
        ),
        (statement) => sql.unsafe(statement),
        { discard: true },
      ),
    ),
)

interface Row {
  readonly position: number
  readonly id: string
  readonly submission: string
  readonly trace: string | null
}

interface Refused {
  readonly row: Row
  readonly problem: Outbox.Problem
}

/** What was done with some rows. */
interface Moved {
  readonly submitted: number
  readonly refused: number
}

/** Rows of one request, and the most characters of their submissions: a body has room for each of them in four bytes. */
const mostRows = 250
const maxLength = 2 * 1024 * 1024

/** How long a row waits that nothing has announced. */
const pollEvery = { listening: Duration.seconds(1), alone: Duration.millis(100) }

const read = (sql: SqlClient.SqlClient, project: string): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
  Effect.map(
    sql<Row>`
      SELECT position, id, submission, trace FROM (
        SELECT position, CAST(id AS TEXT) AS id, CAST(submission AS TEXT) AS submission, trace,
          SUM(length(CAST(submission AS TEXT))) OVER (ORDER BY position) - length(CAST(submission AS TEXT)) AS before
        FROM (
          SELECT * FROM runlease_outbox WHERE project = ${project} ORDER BY position LIMIT ${mostRows} + 0
        ) oldest
      ) sized WHERE before < ${maxLength} + 0 ORDER BY position`,
    (rows) => rows.map((row) => ({ ...row, position: Number(row.position) })),
  )

/** Removes rows, and keeps those that became no run with the reason. */
const settle = (
  sql: SqlClient.SqlClient,
  rows: ReadonlyArray<Row>,
  refused: ReadonlyArray<Refused>,
): Effect.Effect<void, SqlError> =>
  sql.withTransaction(
    Effect.zipRight(
      Effect.forEach(
        refused,
        ({ problem: { code, message }, row: { position } }) =>
          sql`INSERT INTO runlease_outbox_refused (id, project, submission, trace, created_at, code, message)
            SELECT id, project, submission, trace, created_at, ${code}, ${message} FROM runlease_outbox
            WHERE position = ${position} ON CONFLICT (id) DO NOTHING`,
        { discard: true },
      ),
      sql`DELETE FROM runlease_outbox WHERE ${sql.in(
        "position",
        rows.map(({ position }) => position),
      )}`,
    ),
  )

const spanOf = ({ trace }: Row) => Option.getOrUndefined(TraceContext.ofHeader(trace ?? undefined))

/** Submits rows that are in one trace, and returns those that are refused. */
const submitTogether = (
  runs: Runs.Runs["Type"],
  rows: Array.NonEmptyReadonlyArray<Row>,
): Effect.Effect<ReadonlyArray<Refused>, ControlPlaneError.ControlPlaneError> =>
  Effect.gen(function* () {
    const [unread, read] = Array.partitionMap(rows, (row) =>
      Either.mapBoth(Outbox.submissionOf(row), {
        onLeft: (problem): Refused => ({ row, problem }),
        onRight: (submission) => ({ row, submission }),
      }),
    )
    if (read.length === 0) return unread
    const answers = yield* runs.submitMany(read.map(({ submission }) => submission)).pipe(
      // The request as a whole is refused, as where one submission alone is too large for a body.
      Effect.catchTag("InvalidSubmission", (error) =>
        Effect.succeed(read.map(() => Either.left<Runs.SubmitRefusal>(error))),
      ),
    )
    const refused = Array.filterMap(answers, (answer, index) =>
      Option.map(Either.getLeft(answer), ({ _tag: code, message }): Refused => ({
        row: read[index]!.row,
        problem: { code, message },
      })),
    )
    return [...unread, ...refused]
  }).pipe((submitting) => {
    const span = spanOf(rows[0])
    return span === undefined ? submitting : Effect.withParentSpan(submitting, span)
  })

const sameTrace = (one: Row, other: Row): boolean => one.trace === other.trace

/** Submits the oldest rows in their order. None were left when it returns none. */
const moveSome = (sql: SqlClient.SqlClient, runs: Runs.Runs["Type"], project: string) =>
  Effect.gen(function* () {
    const rows = yield* read(sql, project)
    let moved: Moved = { submitted: 0, refused: 0 }
    for (const group of Array.groupWith(sameTrace)(rows as Array.NonEmptyReadonlyArray<Row>)) {
      const refused = yield* submitTogether(runs, group)
      yield* settle(sql, group, refused)
      moved = {
        submitted: moved.submitted + group.length - refused.length,
        refused: moved.refused + refused.length,
      }
    }
    StoreMetrics.countOutbox(moved)
    if (moved.refused > 0) yield* Effect.logWarning(`The outbox had ${moved.refused} rows that became no run`)
    return moved
  })

const passes = (error: SqlError | ControlPlaneError.ControlPlaneError): boolean =>
  error._tag === "SqlError" || error.retryable

const pause = ControlPlaneUnavailable.backoff("100 millis", "5 seconds")

/**
 * Submits the rows of the outbox for ever, the oldest first. Where the client of the database is one of PostgreSQL, a commit wakes it; on SQLite it
 * looks ten times a second. What is away is tried again.
 *
 * Fails: as the control plane does where the same request would fail again, such as for a key that is not valid.
 */
export const run = ({ project = "default" }: Options = {}): Effect.Effect<
  never,
  ControlPlaneError.ControlPlaneError,
  SqlClient.SqlClient | Runs.Runs
> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const runs = yield* Runs.Runs
    const postgres = yield* Effect.serviceOption(PgClient.PgClient)
    const grown = yield* Effect.makeLatch(true)
    yield* Option.match(postgres, {
      onNone: () => Effect.void,
      onSome: (client) =>
        client.listen("runlease_outbox").pipe(
          Stream.runForEach(() => grown.open),
          Effect.catchAll((error) => Effect.logDebug("The outbox is looked at once a second", error)),
          Effect.repeat(Schedule.spaced("1 second")),
          Effect.forkScoped,
        ),
    })
    const poll = Option.isSome(postgres) ? pollEvery.listening : pollEvery.alone
    const moveAll = Effect.repeat(moveSome(sql, runs, project), {
      while: ({ refused, submitted }) => submitted + refused > 0,
    }).pipe(
      Effect.tapError((error) =>
        passes(error)
          ? Effect.logWarning("Rows of the outbox wait for the next attempt", error)
          : Effect.void,
      ),
      Effect.retry({ schedule: pause, while: passes }),
      Effect.catchTag("SqlError", Effect.die),
    )
    return yield* Effect.timeoutOption(grown.await, poll).pipe(
      Effect.zipRight(grown.close),
      Effect.zipRight(moveAll),
      Effect.forever,
    )
  }).pipe(Effect.scoped)

/** Submits the rows of the outbox while the Layer is there. A failure of `run` is logged, and ends it. */
export const layer = (options: Options = {}): Layer.Layer<never, never, SqlClient.SqlClient | Runs.Runs> =>
  Layer.scopedDiscard(
    run(options).pipe(
      Effect.tapErrorCause((cause) => Effect.logError("The relay of the outbox has ended", cause)),
      Effect.forkScoped,
    ),
  )
