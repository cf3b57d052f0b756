/**
 * The statements that write what has changed of the runs of a commit.
 *
 * @since 0.1.0
 */
import type { Statement } from "@effect/sql/Statement"
import type { RunRows } from "@runlease/core"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import type { Columns, RowOf } from "../rows/Columns.js"
import * as EventRows from "../rows/EventRows.js"
import { movedColumns, sessionRow, toJson } from "../rows/RunCodec.js"
import { movingColumns, sessionColumns } from "../rows/RunRow.js"
import * as InputRows from "./InputRows.js"

type Row = RowOf<Columns>

type KeyedRow = Row & { readonly run_pk: number }

/** One statement for all rows in which the same columns have changed, so that no other column and no other index is touched. */
const updates = (
  database: Database,
  table: string,
  columns: Columns,
  rows: ReadonlyArray<{ readonly key: number; readonly changed: Row }>,
): ReadonlyArray<Statement<object>> => {
  const groups = new Map<string, { readonly names: ReadonlyArray<string>; readonly rows: Array<KeyedRow> }>()
  for (const { changed, key } of rows) {
    const names = Object.keys(changed)
    const row: KeyedRow = { ...changed, run_pk: key }
    const group = groups.get(names.join())
    if (group !== undefined) group.rows.push(row)
    else if (names.length > 0) groups.set(names.join(), { names, rows: [row] })
  }
  return Array.from(groups.values(), ({ names, rows }) =>
    BulkStatements.update(database, table, columns, names, rows),
  )
}

const detailColumns = { metadata: "text", result: "text", snapshot: "text", answers: "text" } as const

const changedDetails = ({ metadata, result, resume }: RunRows.DetailChanges): Row => ({
  ...(metadata === undefined ? {} : { metadata: toJson(metadata) }),
  ...(result === undefined ? {} : { result: toJson(result) }),
  ...(resume === undefined
    ? {}
    : { snapshot: JSON.stringify(resume.snapshot), answers: JSON.stringify(resume.answers) }),
})

const sessionRowColumns = { run_pk: "integer", ...sessionColumns } as const

/** Adds the sessions, or writes them over those that their runs have. */
const putSessions = (
  { dialect, sql }: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => {
  const rows = changes.flatMap(({ details: { session }, key }) =>
    session === undefined ? [] : [{ run_pk: key, ...sessionRow(session) }],
  )
  if (rows.length === 0) return []
  const names = Object.keys(sessionRowColumns)
  const assigned = Object.keys(sessionColumns).map((name) => `${name} = excluded.${name}`)
  // SQLite needs the WHERE to tell the upsert's ON from a join's.
  return [
    sql<object>`INSERT INTO sessions (${sql.csv(names)})
      SELECT ${sql.csv(names)} FROM ${dialect.rows(sessionRowColumns, rows)} v WHERE TRUE
      ON CONFLICT (run_pk) DO UPDATE SET ${sql.csv(assigned)}`,
  ]
}

const insertEvents = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): ReadonlyArray<Statement<object>> => {
  const rows = changes.flatMap(({ entries, key }) =>
    entries.map(({ eventId, sequence, text }) => ({
      run_pk: key,
      event_id: eventId,
      sequence,
      payload: text,
      created_at: now,
    })),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "events", EventRows.columns, rows)]
}

/** The statements of these changes, no two of which write the same row. `now` is the instant of the transaction. */
export const write = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): ReadonlyArray<Statement<object>> => [
  ...updates(
    database,
    "runs",
    movingColumns,
    changes.map(({ after, before, key }) => ({ key, changed: movedColumns(before, after) })),
  ),
  ...insertEvents(database, changes, now),
  ...updates(
    database,
    "run_details",
    detailColumns,
    changes.map(({ details, key }) => ({ key, changed: changedDetails(details) })),
  ),
  ...putSessions(database, changes),
  ...InputRows.insert(database, changes),
]
