/** The statements that write what has changed of the runs of a commit. */
import type { Statement } from "@effect/sql/Statement"
import { StepRecord } from "@runlease/core"
import { type CounterRows, type RunRows, StoredRun } from "@runlease/core/store"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import type { Columns, Value } from "../rows/Columns.js"
import * as EventRows from "../rows/EventRows.js"
import { encodersFor } from "../rows/Fields.js"
import { claimFields, claimHolderFields } from "../rows/RunFields.js"
import { claimColumns } from "../rows/RunRow.js"
import { sessionColumns, sessionRow } from "../rows/SessionRow.js"
import * as CounterQueries from "./CounterQueries.js"
import * as InputRows from "./InputRows.js"
import * as LabelRows from "./LabelRows.js"
import * as MessageRows from "./MessageRows.js"
import * as RunUpdates from "./RunUpdates.js"
import * as StateWrites from "./StateWrites.js"

type Statements = ReadonlyArray<Statement<object>>

const insertEvents = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): Statements => {
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

const recordColumns = { run_pk: "integer", event_id: "integer" } as const satisfies Columns

/** The index of the records of steps. */
const insertRecords = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ entries, key }) =>
    entries.flatMap(({ event, eventId }) =>
      StepRecord.isReserved(event) ? [{ run_pk: key, event_id: eventId }] : [],
    ),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "records", recordColumns, rows)]
}

const sessionRowColumns = { run_pk: "integer", ...sessionColumns } as const

/** Adds the sessions, or writes them over those that their runs have. */
const putSessions = ({ dialect, sql }: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ details: { session }, key }) =>
    session === undefined ? [] : [{ run_pk: key, ...sessionRow(session) }],
  )
  if (rows.length === 0) return []
  const names = Object.keys(sessionRowColumns)
  const assigned = Object.keys(sessionColumns).map((name) => `${name} = excluded.${name}`)
  // SQLite needs the WHERE to distinguish the upsert's ON from a join's.
  return [
    sql<object>`INSERT INTO sessions (${sql.csv(names)})
      SELECT ${sql.csv(names)} FROM ${dialect.rows(sessionRowColumns, rows)} v WHERE TRUE
      ON CONFLICT (run_pk) DO UPDATE SET ${sql.csv(assigned)}`,
  ]
}

/** `project_id` is for an index. */
const claimRowColumns: Columns = { run_pk: "integer", ...claimColumns, project_id: "text" }

const ofClaim = encodersFor("claims", claimFields)
const ofHolder = encodersFor("claims", claimHolderFields)

const insertClaims = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ after: { spec }, details: { claims = [] }, key }) =>
    claims.map((claim) => {
      const row: Record<string, Value> = { run_pk: key, project_id: spec.projectId }
      for (const { column, encode, name } of ofClaim) row[column] = encode(claim[name])
      for (const { column, encode, name } of ofHolder) row[column] = encode(claim.holder[name])
      return row
    }),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "claims", claimRowColumns, rows)]
}

/** Whether a change is of the state and of the log alone, which most are. */
const isPlain = ({ details, entries }: RunRows.Change): boolean =>
  details === StoredRun.noDetails && !entries.some(({ event }) => StepRecord.isReserved(event))

/** The statements of what changes besides states and logs. */
export const writeDetails = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): Statements => {
  const detailed = changes.filter((change) => !isPlain(change))
  return detailed.length === 0
    ? []
    : [
        ...insertRecords(database, detailed),
        ...insertClaims(database, detailed),
        ...InputRows.insert(database, detailed),
        ...MessageRows.insert(database, detailed, now),
        ...putSessions(database, detailed),
        ...RunUpdates.write(database, detailed),
        ...LabelRows.write(database, detailed),
      ]
}

/** The statements of these changes, no two of which write the same row. `now` is the instant of the transaction. */
export const write = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  counted: ReadonlyArray<CounterRows.CounterDelta>,
  now: number,
): StateWrites.StateWrites => {
  const { exact, statements } = StateWrites.write(database, changes)
  return {
    exact,
    statements: [
      ...statements,
      ...insertEvents(database, changes, now),
      ...writeDetails(database, changes, now),
      ...CounterQueries.insert(database, counted),
    ],
  }
}
