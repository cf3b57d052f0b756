/**
 * Submits runs by rows, in a transaction of the caller: a run begins when that transaction commits, and none does when it rolls back.
 *
 * The tables are those of a control plane on the same database, which makes runs of the rows.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Ids, RequestSnapshot, Runs, TraceContext } from "@runlease/core"
import type { Agent } from "@runlease/core/Agent"
import * as AgentRuns from "@runlease/core/AgentRuns"
import * as SubmissionLine from "@runlease/core/SubmissionLine"
import { Effect, Either } from "effect"

/**
 * What a submission may have besides the payload, as `Runs.submit` takes it. `id`: the run's id, a UUID that is made when absent. `project`:
 * its slug or id, `default` when absent.
 */
export interface Options extends Omit<SubmissionLine.LineSubmission, "agentId" | "publicId" | "snapshot"> {
  readonly id?: string | undefined
  readonly project?: string | undefined
}

const checked = (input: Runs.SubmissionInput) => Either.map(Runs.check(input), SubmissionLine.lineOf)

const insert = Effect.fnUntraced(function* (line: object, options: Pick<Options, "id" | "project">) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const runId = Ids.RunId.make(options.id ?? (yield* Ids.uuidV7))
  const span = yield* TraceContext.current
  yield* sql`INSERT INTO runlease_outbox ${sql.insert({
    id: runId,
    project: options.project ?? "default",
    submission: JSON.stringify(line),
    trace: span === undefined ? null : TraceContext.toHeader(span),
  })}`
  return runId
})

/**
 * Inserts a run of an agent, and returns its id. `agent` is an agent, whose payload is checked here, or the name of one, whose payload is any
 * JSON.
 *
 * Fails: `InvalidSubmission` before anything is inserted. What only the server finds, such as a limit that is reached, leaves the row as
 * refused.
 */
export const submit: {
  <P, A, E>(
    agent: Agent<P, A, E>,
    payload: P,
    options?: Options,
  ): Effect.Effect<Ids.RunId, Runs.InvalidSubmission | SqlError, SqlClient.SqlClient>
  (
    agent: string,
    payload: unknown,
    options?: Options,
  ): Effect.Effect<Ids.RunId, Runs.InvalidSubmission | SqlError, SqlClient.SqlClient>
} = <P, A, E>(
  agent: Agent<P, A, E> | string,
  payload: P,
  { id, project, ...options }: Options = {},
): Effect.Effect<Ids.RunId, Runs.InvalidSubmission | SqlError, SqlClient.SqlClient> => {
  const request: Either.Either<Runs.SubmissionInput, Runs.InvalidSubmission> =
    typeof agent === "string"
      ? Either.right({ ...options, agentId: agent, snapshot: { ...RequestSnapshot.empty, input: payload } })
      : AgentRuns.submission(agent, payload, options)
  return Effect.flatMap(Either.flatMap(request, checked), (line) => insert(line, { id, project }))
}

/** A row that became no run. `code` is the name of the error that a submission would have failed with. */
export interface RefusedRow {
  readonly id: string
  readonly project: string
  /** As the row has it. */
  readonly submission: string
  readonly createdAt: string
  readonly refusedAt: string
  readonly code: string
  readonly message: string
}

/** How many rows wait to become runs, and the oldest of those that became none, 1000 at most. */
export interface Rows {
  readonly waiting: number
  readonly refused: ReadonlyArray<RefusedRow>
}

/** Reads the outbox. */
export const rows: Effect.Effect<Rows, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const [count] = yield* sql<{ readonly waiting: number }>`SELECT count(*) AS waiting FROM runlease_outbox`
  const refused = yield* sql<
    Omit<RefusedRow, "createdAt" | "refusedAt"> & Record<"created_at" | "refused_at", string>
  >`
    SELECT CAST(id AS TEXT) AS id, project, CAST(submission AS TEXT) AS submission,
      CAST(created_at AS TEXT) AS created_at, CAST(refused_at AS TEXT) AS refused_at, code, message
    FROM runlease_outbox_refused ORDER BY position LIMIT 1000`
  return {
    waiting: Number(count?.waiting ?? 0),
    refused: refused.map(({ created_at: createdAt, refused_at: refusedAt, ...row }) => ({
      ...row,
      createdAt,
      refusedAt,
    })),
  }
})

/** Refused rows: those of these ids, or all. */
export type Chosen = ReadonlyArray<string> | "all"

const isChosen = (sql: SqlClient.SqlClient, chosen: Chosen) =>
  chosen === "all" ? sql`1 = 1` : sql`CAST(id AS TEXT) IN ${sql.in(chosen)}`

/** Deletes refused rows, and returns how many. Their submissions are lost. */
export const discard = (chosen: Chosen): Effect.Effect<number, SqlError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const deleted =
      yield* sql`DELETE FROM runlease_outbox_refused WHERE ${isChosen(sql, chosen)} RETURNING position`
    return deleted.length
  })

/** Inserts refused rows again, in one transaction, and returns how many: each becomes a run, or is refused again. */
export const retry = (chosen: Chosen): Effect.Effect<number, SqlError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    return yield* sql.withTransaction(
      Effect.zipRight(
        sql`INSERT INTO runlease_outbox (id, project, submission, trace, created_at)
          SELECT id, project, submission, trace, created_at FROM runlease_outbox_refused
          WHERE ${isChosen(sql, chosen)} ORDER BY position`,
        discard(chosen),
      ),
    )
  })
