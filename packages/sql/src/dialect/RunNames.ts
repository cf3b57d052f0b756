/** Names of runs, as a table to join with `runs r`. */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Fragment } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/store"
import type { Dialect } from "./Dialect.js"

/** Runs by their names, or by their keys. */
export type RunNames =
  | { readonly refs: ReadonlyArray<RunRows.RunRef> }
  | { readonly keys: ReadonlyArray<number> }

const refColumns = { project_id: "text", run_id: "text" } as const
const keyColumns = { run_pk: "integer" } as const

/** Names of runs as a table. */
export const refRows = (rows: Dialect["rows"], refs: ReadonlyArray<RunRows.RunRef>): Fragment =>
  rows(
    refColumns,
    refs.map(({ projectId, runId }) => ({ project_id: projectId, run_id: runId })),
  )

/** Run keys as a table. */
export const keyRows = (rows: Dialect["rows"], keys: Iterable<number>): Fragment =>
  rows(
    keyColumns,
    Array.from(keys, (run_pk) => ({ run_pk })),
  )

/** A FROM clause with the runs `r` of these names, next to their rows `v`. */
export const from = (sql: SqlClient.SqlClient, rows: Dialect["rows"], names: RunNames): Fragment =>
  "refs" in names
    ? sql`FROM ${refRows(rows, names.refs)} v JOIN runs r ON r.project_id = v.project_id AND r.run_id = v.run_id`
    : sql`FROM ${keyRows(rows, names.keys)} v JOIN runs r ON r.run_pk = v.run_pk`
