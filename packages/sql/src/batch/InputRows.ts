/** The inputs that runs have accepted since they were submitted, each under its own public id. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import type { FollowUp, Ids } from "@runlease/core"
import { type RunRows, Wakeups } from "@runlease/store"
import { Array, Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { eventId, type NameRow } from "../rows/RunRow.js"
import { findRuns, keyRows, refRows } from "./RunQueries.js"

const columns = {
  run_pk: "integer",
  nth: "integer",
  since: "integer",
  project_id: "text",
  public_id: "text",
  fingerprint: "text",
  snapshot: "text",
  answers: "text",
} as const

interface InputRow {
  readonly project_id: Ids.ProjectId
  readonly public_id: Ids.RunId
  readonly run_id: Ids.RunId
  readonly run_pk: number
  readonly since: number
  readonly fingerprint: string
}

/** An input without a public id: answers. */
const unnamed = { publicId: null, fingerprint: null }

/** Adds what runs have accepted since their submissions. The snapshot of the next claim is in the last row of its change. */
export const insert = (
  { dialect, sql }: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => {
  const rows = changes.flatMap(({ after, details: { inputs = [], resume }, key }) => {
    if (inputs.length === 0 && resume === undefined) return []
    const named = inputs.length === 0 ? [{ ...unnamed, since: after.latestEventId }] : inputs
    return named.map(({ fingerprint, publicId, since }, index) => {
      const record = index === named.length - 1 ? resume : undefined
      return {
        run_pk: key,
        nth: index + 1,
        since,
        project_id: after.spec.projectId,
        public_id: publicId,
        fingerprint,
        snapshot: record === undefined ? null : JSON.stringify(record.snapshot),
        answers: record === undefined ? null : JSON.stringify(record.answers),
      }
    })
  })
  if (rows.length === 0) return []
  return [
    sql<object>`INSERT INTO inputs (run_pk, input, since, project_id, public_id, fingerprint, snapshot, answers)
      SELECT v.run_pk, v.nth + (SELECT MAX(i.input) FROM inputs i WHERE i.run_pk = v.run_pk), v.since, v.project_id,
        v.public_id, v.fingerprint, v.snapshot, v.answers
      FROM ${dialect.rows(columns, rows)} v`,
  ]
}

const toInput = ({ fingerprint, public_id, run_id, since }: InputRow): FollowUp.AcceptedInput => ({
  runId: run_id,
  publicId: public_id,
  since: eventId(since),
  fingerprint,
})

/** The inputs of these names, and all that these runs have accepted. */
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
    const accepted = yield* rows(
      sql`${keyRows(database, new Set(keys))} v JOIN inputs i ON i.run_pk = v.run_pk AND i.public_id IS NOT NULL`,
    )
    return [...named, ...accepted].map((row) => ({ projectId: row.project_id, input: toInput(row) }))
  })

/** What one run has gone on with, to look at it only. */
export const ofRun = ({ sql }: Database, { projectId, runId }: RunRows.RunRef) =>
  Effect.map(
    sql<Pick<InputRow, "public_id" | "since">>`SELECT i.public_id, i.since FROM runs r
      JOIN inputs i ON i.run_pk = r.run_pk
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId} AND i.public_id IS NOT NULL AND i.since > 0
      ORDER BY i.since, i.public_id`,
    Array.map(({ public_id, since }) => ({ publicId: public_id, since: eventId(since) })),
  )

/** The run that has accepted the input of that name. */
export const runIdOf = (
  { sql }: Database,
  { projectId, runId }: RunRows.RunRef,
): Effect.Effect<Ids.RunId | undefined, SqlError> =>
  Effect.map(
    sql<Pick<InputRow, "run_id">>`SELECT r.run_id FROM inputs i JOIN runs r ON r.run_pk = i.run_pk
      WHERE i.project_id = ${projectId} AND i.public_id = ${runId}`,
    ([row]) => row?.run_id,
  )

/** Finds and locks runs, each by its id or by that of an input that it has accepted. */
export const findNamed = (
  database: Database,
  names: ReadonlyArray<RunRows.RunRef>,
): Effect.Effect<
  ReadonlyArray<{ readonly name: RunRows.RunRef; readonly run: RunRows.StoredRun }>,
  SqlError
> =>
  Effect.gen(function* () {
    const { sql } = database
    const rows = yield* execute(
      sql<NameRow & { readonly named_id: Ids.RunId }>`
        SELECT r.project_id, r.run_id, v.run_id AS named_id FROM ${refRows(database, names)} v
        LEFT JOIN inputs i ON i.project_id = v.project_id AND i.public_id = v.run_id
        LEFT JOIN runs q ON q.run_pk = i.run_pk
        JOIN runs r ON r.project_id = v.project_id AND r.run_id = COALESCE(q.run_id, v.run_id)`,
    )
    if (rows.length === 0) return []
    const named = rows.map((row) => ({
      name: { projectId: row.project_id, runId: row.named_id },
      ref: { projectId: row.project_id, runId: row.run_id },
    }))
    const found = yield* findRuns(
      database,
      named.map(({ ref }) => ref),
    )
    const byName = new Map(found.map((run) => [Wakeups.logKey(run.state.spec), run]))
    return named.flatMap(({ name, ref }) => {
      const run = byName.get(Wakeups.logKey(ref))
      return run === undefined ? [] : [{ name, run }]
    })
  })
