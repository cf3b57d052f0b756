/** Queries for what is stored with the states of runs. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import { Ids, type RequestSnapshot, type ResumeRules } from "@runlease/core"
import { RunRows, type RunState } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import * as RunNames from "../dialect/RunNames.js"
import type { ToRow } from "../rows/Columns.js"
import {
  allDetails,
  type DetailSelection,
  fixedDetails,
  latestSnapshot,
  latestSnapshotBytes,
  sessionDetails,
} from "../rows/RunRow.js"
import { keyRows } from "./RunQueries.js"

/** Details in rows of a run's key, a text and the columns of the details. */
const keyed = ({ columns, names, readerIn }: DetailSelection) => ({
  columns,
  toDetails: readerIn(["run_pk", "text", ...names]),
})

const all = keyed(allDetails)
const fixed = keyed(fixedDetails)
const fixedWithSession = keyed(sessionDetails)

const readRows = <A>(
  runs: ReadonlyArray<RunRows.StoredRun>,
  { toDetails }: ReturnType<typeof keyed>,
  statement: Statement<object>,
  convert: (details: RunState.RunDetails, text: string) => A,
): Effect.Effect<ReadonlyMap<number, A>, SqlError> => {
  const ids = new Map(runs.map(({ key, state }) => [key, state.spec.runId]))
  const toRow: ToRow<readonly [number, A]> = (values) => {
    const key = values[0] as number
    return [key, convert(toDetails(ids.get(key)!, values), values[1] as string)]
  }
  return Effect.map(select(toRow, statement), (found) => new Map(found))
}

const keysOf = (database: Database, runs: ReadonlyArray<RunRows.StoredRun>) =>
  keyRows(database, new Set(runs.map(({ key }) => key)))

/** Joins what `allDetails` needs. */
const joined = `LEFT JOIN outcomes o ON o.run_pk = r.run_pk LEFT JOIN sessions s ON s.run_pk = r.run_pk`

export const readDetails = (database: Database, runs: ReadonlyArray<RunRows.StoredRun>) => {
  const { sql } = database
  return readRows(
    runs,
    all,
    sql`SELECT r.run_pk, NULL, ${sql.literal(all.columns)} FROM ${keysOf(database, runs)} v
      JOIN runs r ON r.run_pk = v.run_pk ${sql.literal(joined)}`,
    (details) => details,
  )
}

/** A run under a lease has no outcome. */
export const readClaimDetails = (
  database: Database,
  runs: ReadonlyArray<RunRows.StoredRun>,
  sessions: boolean,
) => {
  const { sql } = database
  const from =
    runs.length === 1
      ? sql`FROM ${keysOf(database, runs)} v JOIN runs r ON r.run_pk = v.run_pk`
      : sql`FROM (
          SELECT run_pk, SUM(bytes) OVER (ORDER BY run_pk) - bytes AS bytes_before FROM (
            SELECT r.run_pk, ${sql.literal(latestSnapshotBytes)} AS bytes
            FROM ${keysOf(database, runs)} k JOIN runs r ON r.run_pk = k.run_pk
          ) sized
        ) v JOIN runs r ON r.run_pk = v.run_pk AND v.bytes_before < ${sql.literal(String(RunRows.maxClaimBytes))}`
  const selection = sessions ? fixedWithSession : fixed
  const join = sessions ? "LEFT JOIN sessions s ON s.run_pk = r.run_pk" : ""
  return readRows(
    runs,
    selection,
    sql`SELECT r.run_pk, ${sql.literal(`${latestSnapshot}, ${selection.columns}`)} ${from} ${sql.literal(join)}`,
    (details, text): RunRows.ClaimDetails => ({
      details,
      snapshot: JSON.parse(text) as RequestSnapshot.RequestSnapshot,
    }),
  )
}

/** Those with the lowest keys, as many as a commit returns the requests of. */
export const readFirstRequests = (
  database: Database,
  runs: ReadonlyArray<RunRows.StoredRun>,
): Effect.Effect<ReadonlyMap<number, RunRows.ClaimDetails>, SqlError> => {
  const { sql } = database
  return readRows(
    runs,
    all,
    sql`SELECT r.run_pk, i.snapshot, ${sql.literal(all.columns)} FROM (
        SELECT k.run_pk, SUM(octet_length(f.snapshot)) OVER (ORDER BY k.run_pk) - octet_length(f.snapshot) AS bytes_before
        FROM ${keysOf(database, runs)} k JOIN inputs f ON f.run_pk = k.run_pk AND f.input = 0
      ) v JOIN runs r ON r.run_pk = v.run_pk AND v.bytes_before < ${sql.literal(String(RunRows.maxClaimBytes))}
      JOIN inputs i ON i.run_pk = r.run_pk AND i.input = 0 ${sql.literal(joined)}`,
    (details, text): RunRows.ClaimDetails => ({
      details,
      snapshot: JSON.parse(text) as RequestSnapshot.RequestSnapshot,
    }),
  )
}

export const readSubmitted = (database: Database, runs: ReadonlyArray<RunRows.StoredRun>) => {
  const { sql } = database
  return readRows(
    runs,
    all,
    sql`SELECT r.run_pk, f.submission, ${sql.literal(all.columns)} FROM ${keysOf(database, runs)} v
      JOIN runs r ON r.run_pk = v.run_pk JOIN inputs f ON f.run_pk = r.run_pk AND f.input = 0
      ${sql.literal(joined)}`,
    (details, submission): RunRows.SubmittedDetails => ({ details, submission }),
  )
}

/** Reads the request that the next claim of a run returns, as JSON. */
export const readSnapshot = (
  { sql }: Database,
  { projectId, runId }: RunRows.RunRef,
): Effect.Effect<string | undefined, SqlError> =>
  Effect.map(
    sql<{ readonly snapshot: string }>`SELECT ${sql.literal(latestSnapshot)} AS snapshot FROM runs r
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId}`,
    ([row]) => row?.snapshot,
  )

/**
 * Reads the requests that runs of the conversation of a run were submitted with, by their ids. A plain comparison of the conversations would
 * let SQLite read every run of that conversation.
 */
export const readRequests = (
  { dialect, sql }: Database,
  { projectId, runId }: RunRows.RunRef,
  runIds: ReadonlyArray<string>,
): Effect.Effect<ReadonlyMap<string, RequestSnapshot.RequestSnapshot>, SqlError> =>
  Effect.map(
    sql<{ readonly run_id: string; readonly snapshot: string }>`SELECT r.run_id, i.snapshot
      ${RunNames.from(sql, dialect.rows, { refs: runIds.map((id) => ({ projectId, runId: Ids.RunId.make(id, { disableValidation: true }) })) })}
      JOIN runs o ON o.project_id = ${projectId} AND o.run_id = ${runId}
        AND CASE WHEN o.conversation_id = r.conversation_id THEN 1 END = 1
      JOIN inputs i ON i.run_pk = r.run_pk AND i.input = 0`,
    (rows) =>
      new Map(
        rows.map(({ run_id, snapshot }) => [run_id, JSON.parse(snapshot) as RequestSnapshot.RequestSnapshot]),
      ),
  )

interface AnswersRow {
  readonly run_pk: number
  readonly snapshot: string
  readonly answers: string
}

const toRecord = ({ answers, snapshot }: AnswersRow): ResumeRules.ResumeRecord => ({
  snapshot: JSON.parse(snapshot) as RequestSnapshot.RequestSnapshot,
  answers: JSON.parse(answers) as ResumeRules.ResumeRecord["answers"],
})

/** Reads what runs are resumed from, by their keys. */
export const readResumeRecords = (
  database: Database,
  keys: ReadonlyArray<number>,
): Effect.Effect<ReadonlyMap<number, ResumeRules.ResumeRecord>, SqlError> =>
  Effect.map(
    execute(
      database.sql<AnswersRow>`SELECT i.run_pk, i.snapshot, i.answers FROM ${keyRows(database, keys)} v
        JOIN inputs i ON i.run_pk = v.run_pk AND i.input = (
          SELECT n.input FROM inputs n WHERE n.run_pk = v.run_pk AND n.snapshot IS NOT NULL
          ORDER BY n.run_pk DESC, n.input DESC LIMIT 1
        )`,
    ),
    (found) => new Map(found.map((row) => [row.run_pk, toRecord(row)])),
  )
