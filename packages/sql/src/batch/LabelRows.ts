/** The index of labels: a row for each label of a run. A run without labels has none. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import { type Ids, Labels } from "@runlease/core"
import { LabelRules, type RunRows } from "@runlease/store"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type { Columns } from "../rows/Columns.js"

export const columns = {
  project_id: "text",
  name: "text",
  value: "text",
  run_pk: "integer",
} as const satisfies Columns

export interface LabelRow {
  readonly project_id: string
  readonly name: string
  readonly value: string
  readonly run_pk: number
}

/** The rows of these labels of a run. */
export const rowsOf = (
  projectId: Ids.ProjectId,
  key: RunRows.RunKey,
  labels: Labels.Labels,
): ReadonlyArray<LabelRow> =>
  Labels.entries(labels).map(([name, value]) => ({ project_id: projectId, name, value, run_pk: key }))

export const insert = (database: Database, rows: ReadonlyArray<LabelRow>): ReadonlyArray<Statement<object>> =>
  rows.length === 0 ? [] : [BulkStatements.insert(database, "run_labels", columns, rows)]

/** Deletes rows. */
export const remove = (
  { dialect, sql }: Database,
  rows: ReadonlyArray<LabelRow>,
): ReadonlyArray<Statement<object>> =>
  rows.length === 0
    ? []
    : [
        sql<object>`DELETE FROM run_labels WHERE (project_id, name, value, run_pk) IN (
          SELECT project_id, name, value, run_pk FROM ${dialect.rows(columns, rows)} v)`,
      ]

/** The statements of changed labels, for the index alone. */
export const write = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => {
  const labelled = changes.flatMap(({ after: { spec }, details: { labels }, key }) =>
    labels === undefined ? [] : [{ key, spec, change: LabelRules.indexChange(labels.before, labels.after) }],
  )
  if (labelled.length === 0) return []
  return [
    ...remove(
      database,
      labelled.flatMap(({ change, key, spec }) => rowsOf(spec.projectId, key, change.removed)),
    ),
    ...insert(
      database,
      labelled.flatMap(({ change, key, spec }) => rowsOf(spec.projectId, key, change.added)),
    ),
  ]
}

/** Deletes the labels of these runs. */
export const prune = (database: Database, keys: Fragment): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const { sql } = database
    const found = yield* sql<{
      readonly run_pk: number
      readonly project_id: Ids.ProjectId
      readonly labels: string
    }>`SELECT r.run_pk, r.project_id, r.labels FROM ${keys} v JOIN runs r ON r.run_pk = v.run_pk
      WHERE r.labels IS NOT NULL`
    const rows = found.flatMap(({ labels, project_id, run_pk }) =>
      rowsOf(project_id, run_pk, JSON.parse(labels) as Labels.Labels),
    )
    yield* Effect.forEach(remove(database, rows), execute, { discard: true })
  })
