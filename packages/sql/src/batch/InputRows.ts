/**
 * The inputs that runs have taken since they were submitted, each under a public id of its own.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { FollowUp, Ids, RunRows } from "@runlease/core"
import { Array, Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { eventId, toStored } from "../rows/RunCodec.js"
import { runNames, type RunRow, selectedRun } from "../rows/RunRow.js"
import { keyRows, refRows } from "./RunQueries.js"

const columns = {
  project_id: "text",
  public_id: "text",
  run_pk: "integer",
  since: "integer",
  fingerprint: "text",
} as const

interface InputRow {
  readonly project_id: Ids.ProjectId
  readonly public_id: Ids.RunId
  readonly run_id: Ids.RunId
  readonly run_pk: number
  readonly since: number
  readonly fingerprint: string
}

/** Adds the inputs that runs have taken. */
export const insert = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => {
  const rows = changes.flatMap(({ after, details: { inputs = [] }, key }) =>
    inputs.map(({ fingerprint, publicId, since }) => ({
      project_id: after.spec.projectId,
      public_id: publicId,
      run_pk: key,
      since,
      fingerprint,
    })),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "inputs", columns, rows)]
}

const toInput = ({ fingerprint, public_id, run_id, since }: InputRow): FollowUp.TakenInput => ({
  runId: run_id,
  publicId: public_id,
  since: eventId(since),
  fingerprint,
})

/** The inputs of these names, and all that these runs have taken. */
export const read = (database: Database, names: ReadonlyArray<RunRows.RunRef>, keys: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const rows = (join: Fragment) =>
      execute(sql<InputRow>`SELECT i.project_id, i.public_id, r.run_id, i.run_pk, i.since, i.fingerprint
        FROM ${join} JOIN runs r ON r.run_pk = i.run_pk ORDER BY i.since, i.public_id`)
    const named = yield* rows(
      sql`${dialect.rows(
        { project_id: "text", public_id: "text" },
        names.map(({ projectId, runId }) => ({ project_id: projectId, public_id: runId })),
      )} v JOIN inputs i ON i.project_id = v.project_id AND i.public_id = v.public_id`,
    )
    const taken = yield* rows(sql`${keyRows(database, new Set(keys))} v JOIN inputs i ON i.run_pk = v.run_pk`)
    return [...named, ...taken].map((row) => ({ projectId: row.project_id, input: toInput(row) }))
  })

/** What one run has taken, to look at it only. */
export const ofRun = ({ sql }: Database, { projectId, runId }: RunRows.RunRef) =>
  Effect.map(
    sql<Pick<InputRow, "public_id" | "since">>`SELECT i.public_id, i.since FROM runs r
      JOIN inputs i ON i.run_pk = r.run_pk
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId} ORDER BY i.since, i.public_id`,
    Array.map(({ public_id, since }) => ({ publicId: public_id, since: eventId(since) })),
  )

/** The run that has taken the input of that name. */
export const runIdOf = (
  { sql }: Database,
  { projectId, runId }: RunRows.RunRef,
): Effect.Effect<Ids.RunId | undefined, SqlError> =>
  Effect.map(
    sql<Pick<InputRow, "run_id">>`SELECT r.run_id FROM inputs i JOIN runs r ON r.run_pk = i.run_pk
      WHERE i.project_id = ${projectId} AND i.public_id = ${runId}`,
    ([row]) => row?.run_id,
  )

/** Finds and locks runs, each by its id or by that of an input that it has taken. */
export const findNamed = (database: Database, names: ReadonlyArray<RunRows.RunRef>) => {
  const { dialect, sql } = database
  return Effect.map(
    select<RunRow & { readonly named_id: Ids.RunId }>(
      [...runNames, "named_id"],
      sql`SELECT ${sql.literal(selectedRun)}, v.run_id AS named_id FROM ${refRows(database, names)} v
        LEFT JOIN inputs i ON i.project_id = v.project_id AND i.public_id = v.run_id
        LEFT JOIN runs q ON q.run_pk = i.run_pk
        JOIN runs r ON r.project_id = v.project_id AND r.run_id = COALESCE(q.run_id, v.run_id)
        ${dialect.lock("r", "r.run_pk")}`,
    ),
    (found) =>
      found.map((row) => ({
        name: { projectId: row.project_id, runId: row.named_id },
        run: toStored(row),
      })),
  )
}
