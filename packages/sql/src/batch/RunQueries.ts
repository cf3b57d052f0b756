/**
 * Queries for runs.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/core"
import { Effect } from "effect"
import { select } from "../dialect/ExecuteStatement.js"
import { type DetailRow, runNames, type RunRow, selectedDetails, selectedRun } from "../rows/RunRow.js"
import type { Database } from "../dialect/Dialect.js"

const refColumns = { project_id: "text", run_id: "text" } as const
const keyColumns = { run_pk: "integer" } as const
/** Names of runs as a table. */
export const refRows = (database: Database, refs: ReadonlyArray<RunRows.RunRef>): Fragment =>
  database.dialect.rows(
    refColumns,
    refs.map(({ projectId, runId }) => ({ project_id: projectId, run_id: runId })),
  )

/** Run keys as a table. */
export const keyRows = (database: Database, keys: Iterable<number>): Fragment =>
  database.dialect.rows(
    keyColumns,
    Array.from(keys, (run_pk) => ({ run_pk })),
  )

/** Reads the named runs that exist, and locks them. */
export const lockRuns = (
  database: Database,
  refs: ReadonlyArray<RunRows.RunRef>,
): Effect.Effect<ReadonlyArray<RunRow>, SqlError> => {
  const { dialect, sql } = database
  return select(
    runNames,
    sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${refRows(database, refs)} v
      JOIN runs r ON r.project_id = v.project_id AND r.run_id = v.run_id ${dialect.lock("r", "r.run_pk")}`,
  )
}

/** Reads runs by key and locks them, without those that another transaction is writing. */
export const lockFreeRuns = (
  database: Database,
  keys: Iterable<number>,
): Effect.Effect<ReadonlyArray<RunRow>, SqlError> => {
  const { dialect, sql } = database
  return select(
    runNames,
    sql<RunRow>`SELECT ${sql.literal(selectedRun)} FROM ${keyRows(database, keys)} v
      JOIN runs r ON r.run_pk = v.run_pk ${dialect.lockFree("r")}`,
  )
}

/** Reads one run without locking it. */
export const findRun = (
  database: Database,
  ref: RunRows.RunRef,
): Effect.Effect<(RunRow & DetailRow) | undefined, SqlError> => {
  const { sql } = database
  return Effect.map(
    sql<RunRow & DetailRow>`SELECT ${sql.literal(`${selectedRun}, ${selectedDetails}`)} FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      LEFT JOIN sessions s ON s.run_pk = r.run_pk
      WHERE r.project_id = ${ref.projectId} AND r.run_id = ${ref.runId}`,
    ([row]) => row,
  )
}

/** Reads the snapshot of one run, as JSON. */
export const findSnapshot = (
  { sql }: Database,
  { projectId, runId }: RunRows.RunRef,
): Effect.Effect<string | undefined, SqlError> =>
  Effect.map(
    sql<{ readonly snapshot: string }>`SELECT d.snapshot FROM runs r
      JOIN run_details d ON d.run_pk = r.run_pk
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId}`,
    ([row]) => row?.snapshot,
  )
