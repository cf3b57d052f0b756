/**
 * Reading runs, and what their details and sessions tell of them.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import { Effect } from "effect"
import { select } from "../dialect/ExecuteStatement.js"
import {
  detailNames,
  type DetailRow,
  listed,
  type RunRow,
  selectedDetails,
  selectedRun,
  sessionNames,
} from "../rows/RunRow.js"
import type { SqlStore } from "./SqlStore.js"

export interface RunRef {
  readonly projectId: Ids.ProjectId
  readonly runId: Ids.RunId
}

const refColumns = { project_id: "text", run_id: "text" } as const
const keyColumns = { run_pk: "integer" } as const
/** Names of runs as a table. */
export const refRows = (store: SqlStore, refs: ReadonlyArray<RunRef>): Fragment =>
  store.dialect.rows(
    refColumns,
    refs.map(({ projectId, runId }) => ({ project_id: projectId, run_id: runId })),
  )

/** Run keys as a table. */
export const keyRows = (store: SqlStore, keys: Iterable<number>): Fragment =>
  store.dialect.rows(
    keyColumns,
    Array.from(keys, (run_pk) => ({ run_pk })),
  )

/** Reads one run, to look at it only. */
export const findRun = (
  store: SqlStore,
  ref: RunRef,
): Effect.Effect<(RunRow & DetailRow) | undefined, SqlError> => {
  const { sql } = store
  return Effect.map(
    sql<RunRow & DetailRow>`SELECT ${sql.literal(`${selectedRun}, ${selectedDetails}`)} FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      LEFT JOIN sessions s ON s.run_pk = r.run_pk
      WHERE r.project_id = ${ref.projectId} AND r.run_id = ${ref.runId}`,
    ([row]) => row,
  )
}

/** Reads what one run was asked to do, as JSON. */
export const findSnapshot = (
  { sql }: SqlStore,
  { projectId, runId }: RunRef,
): Effect.Effect<string | undefined, SqlError> =>
  Effect.map(
    sql<{ readonly snapshot: string }>`SELECT d.snapshot FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId}`,
    ([row]) => row?.snapshot,
  )

/** Reads what the runs' details and, where there may be any, their sessions tell of them, and one column more. */
export const readDetails = <More extends "submission" | "snapshot" = never>(
  store: SqlStore,
  keys: ReadonlyArray<number>,
  options: { readonly sessions?: boolean; readonly more?: More } = {},
): Effect.Effect<ReadonlyMap<number, DetailRow & { readonly [K in More]: string }>, SqlError> => {
  if (keys.length === 0) return Effect.succeed(new Map())
  const { sql } = store
  const { more, sessions = true } = options
  const names = ["run_pk" as const, ...detailNames, ...(more === undefined ? [] : [more])]
  const from = sql`FROM ${keyRows(store, keys)} v JOIN run_details d ON d.run_pk = v.run_pk`
  type Row = DetailRow & { readonly [K in More]: string } & { readonly run_pk: number }
  const rows = sessions
    ? select<Row>(
        [...names, ...sessionNames],
        sql`SELECT ${sql.literal(`${listed("d", names)}, ${listed("s", sessionNames)}`)} ${from}
          LEFT JOIN sessions s ON s.run_pk = v.run_pk`,
      )
    : select<Row>(names, sql`SELECT ${sql.literal(listed("d", names))} ${from}`)
  return Effect.map(rows, (found) => new Map(found.map((row) => [row.run_pk, row])))
}
