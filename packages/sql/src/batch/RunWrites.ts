/**
 * The statements that write what has changed of the runs of a commit.
 *
 * @since 0.1.0
 */
import type { Statement } from "@effect/sql/Statement"
import { StepRecord } from "@runlease/core"
import { type CounterRows, type RunRows } from "@runlease/core/store"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import type { Columns } from "../rows/Columns.js"
import * as EventRows from "../rows/EventRows.js"
import { sessionRow } from "../rows/RunCodec.js"
import { sessionColumns } from "../rows/SessionRow.js"
import * as CounterQueries from "./CounterQueries.js"
import * as InputRows from "./InputRows.js"
import * as MessageRows from "./MessageRows.js"
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
  // SQLite needs the WHERE to tell the upsert's ON from a join's.
  return [
    sql<object>`INSERT INTO sessions (${sql.csv(names)})
      SELECT ${sql.csv(names)} FROM ${dialect.rows(sessionRowColumns, rows)} v WHERE TRUE
      ON CONFLICT (run_pk) DO UPDATE SET ${sql.csv(assigned)}`,
  ]
}

const claimColumns = {
  run_pk: "integer",
  lease_epoch: "integer",
  attempt: "integer",
  worker_id: "text",
  claimed_at: "integer",
  renewals: "integer",
  renewed_at: "integer",
  longest_gap: "integer",
  ended_at: "integer",
  ended: "text",
  expires_at: "integer",
  project_id: "text",
} as const satisfies Columns

const insertClaims = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ after: { spec }, details: { claims = [] }, key }) =>
    claims.map(({ attempt, ended, endedAt, holder, leaseEpoch }) => ({
      run_pk: key,
      lease_epoch: leaseEpoch,
      attempt,
      worker_id: holder.workerId,
      claimed_at: holder.claimedAt,
      renewals: holder.renewals,
      renewed_at: holder.renewedAt,
      longest_gap: holder.longestGap,
      ended_at: endedAt,
      ended,
      expires_at: holder.expiresAt,
      project_id: spec.projectId,
    })),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "claims", claimColumns, rows)]
}

/** The statements of what changes beside states and logs. */
export const writeDetails = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): Statements => [
  ...insertRecords(database, changes),
  ...insertClaims(database, changes),
  ...InputRows.insert(database, changes),
  ...MessageRows.insert(database, changes, now),
  ...putSessions(database, changes),
]

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
