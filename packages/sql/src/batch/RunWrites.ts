/**
 * The statements that write the runs of a commit.
 *
 * @since 0.1.0
 */
import type { Statement } from "@effect/sql/Statement"
import type { Runs } from "@runlease/core"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { changedRow, type StoredRun, toJson } from "../rows/RunCodec.js"
import { type MovingColumn, movingColumns, type RunRow } from "../rows/RunRow.js"

/** A run of a commit: its row and its state in the database, and the run as it is now. */
export interface Change {
  row: RunRow
  stored: StoredRun
  run: StoredRun
}

const movingNames = Object.keys(movingColumns) as ReadonlyArray<MovingColumn>

/**
 * One statement for all runs in which the same columns have changed, so that no other index is touched. The rows of the
 * changes are the new ones from here on.
 */
export const updateRuns = (
  database: Database,
  changes: Iterable<Change>,
): ReadonlyArray<Statement<object>> => {
  const byNames = new Map<string, { readonly names: Array<MovingColumn>; readonly rows: Array<RunRow> }>()
  for (const change of changes) {
    const row = changedRow(change.row, change.stored.state, change.run.state)
    const names = movingNames.filter((name) => row[name] !== change.row[name])
    change.row = row
    const key = names.join()
    const group = byNames.get(key)
    if (group !== undefined) group.rows.push(row)
    else if (names.length > 0) byNames.set(key, { names, rows: [row] })
  }
  return Array.from(byNames.values(), ({ names, rows }) =>
    BulkStatements.update(database, "runs", movingColumns, names, rows),
  )
}

const outcomeColumns = { metadata: "text", result: "text" } as const

/** The columns of `run_details` that an outcome sets. */
export type OutcomeDetails = { readonly [K in keyof typeof outcomeColumns]?: string | null }

const outcomeNames: ReadonlyArray<ReadonlyArray<keyof OutcomeDetails>> = [
  ["metadata"],
  ["result"],
  ["metadata", "result"],
]

export const outcomeDetails = ({ metadata, result }: Runs.Outcome): OutcomeDetails => ({
  ...(metadata === undefined ? {} : { metadata: toJson(metadata) }),
  ...(result === undefined ? {} : { result: toJson(result) }),
})

/** One statement for all runs whose outcomes set the same columns, so that no two statements write one row. */
export const updateDetails = (
  database: Database,
  outcomes: ReadonlyMap<number, OutcomeDetails>,
): ReadonlyArray<Statement<object>> => {
  const rows = Array.from(outcomes, ([run_pk, columns]) => ({
    run_pk,
    metadata: null,
    result: null,
    ...columns,
  }))
  return outcomeNames.flatMap((names) => {
    const matching = rows.filter(({ run_pk }) => Object.keys(outcomes.get(run_pk)!).join() === names.join())
    return matching.length === 0
      ? []
      : [BulkStatements.update(database, "run_details", outcomeColumns, names, matching)]
  })
}
