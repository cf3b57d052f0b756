/**
 * Queries for what is stored beside the states of runs.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { RequestSnapshot, ResumeRules, RunRows } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { execute, select } from "../dialect/ExecuteStatement.js"
import { toDetails } from "../rows/RunCodec.js"
import { detailNames, type DetailRow, listed, sessionNames } from "../rows/RunRow.js"
import { keyRows } from "./RunQueries.js"

/** The wider column of `run_details` that is read with the others. */
type WideColumn = "submission" | "snapshot"

/** A row of `run_details`, with its session where they are read, and with a wider column. */
type WideRow<More extends WideColumn> = DetailRow & { readonly [K in More]: string }

/** Reads details by run, and converts each row once. */
const read = <More extends WideColumn, A>(
  database: Database,
  runs: ReadonlyArray<RunRows.StoredRun>,
  {
    convert,
    more,
    sessions,
  }: {
    readonly sessions: boolean
    readonly more: ReadonlyArray<More>
    readonly convert: (row: WideRow<More>, run: RunRows.StoredRun) => A
  },
): Effect.Effect<ReadonlyMap<number, A>, SqlError> => {
  if (runs.length === 0) return Effect.succeed(new Map())
  type Row = WideRow<More> & { readonly run_pk: number }
  const { sql } = database
  const names = ["run_pk" as const, ...detailNames, ...more]
  const byKey = new Map(runs.map((run) => [run.key, run]))
  const from = sql`FROM ${keyRows(database, byKey.keys())} v JOIN run_details d ON d.run_pk = v.run_pk`
  const rows = sessions
    ? select<Row>(
        [...names, ...sessionNames],
        sql`SELECT ${sql.literal(`${listed("d", names)}, ${listed("s", sessionNames)}`)} ${from}
          LEFT JOIN sessions s ON s.run_pk = v.run_pk`,
      )
    : select<Row>(names, sql`SELECT ${sql.literal(listed("d", names))} ${from}`)
  return Effect.map(
    rows,
    (found) => new Map(found.map((row) => [row.run_pk, convert(row, byKey.get(row.run_pk)!)])),
  )
}

const detailsOf = (row: DetailRow, { state }: RunRows.StoredRun) => toDetails(state.spec.runId, row)

export const readDetails = (database: Database, runs: ReadonlyArray<RunRows.StoredRun>) =>
  read(database, runs, { sessions: true, more: [], convert: detailsOf })

export const readClaimDetails = (
  database: Database,
  runs: ReadonlyArray<RunRows.StoredRun>,
  sessions: boolean,
) =>
  read(database, runs, {
    sessions,
    more: ["snapshot"],
    convert: (row, run): RunRows.ClaimDetails => ({
      details: detailsOf(row, run),
      snapshot: JSON.parse(row.snapshot) as RequestSnapshot.RequestSnapshot,
    }),
  })

export const readSubmitted = (database: Database, runs: ReadonlyArray<RunRows.StoredRun>) =>
  read(database, runs, {
    sessions: true,
    more: ["submission"],
    convert: (row, run): RunRows.SubmittedDetails => ({
      details: detailsOf(row, run),
      submission: row.submission,
    }),
  })

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
      database.sql<AnswersRow>`SELECT d.run_pk, d.snapshot, d.answers
        FROM ${keyRows(database, keys)} v JOIN run_details d ON d.run_pk = v.run_pk`,
    ),
    (found) => new Map(found.map((row) => [row.run_pk, toRecord(row)])),
  )
