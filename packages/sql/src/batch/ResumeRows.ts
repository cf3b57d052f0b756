/**
 * The record that a run is resumed from: its snapshot, and the answers that it has.
 *
 * @since 0.1.0
 */
import type { ResumeRules, RequestSnapshot } from "@runlease/core"
import { Effect } from "effect"
import { execute } from "../dialect/ExecuteStatement.js"
import { keyRows } from "./RunQueries.js"
import type { Database } from "../dialect/Dialect.js"

interface AnswersRow {
  readonly run_pk: number
  readonly snapshot: string
  readonly answers: string
}

const toRecord = ({ answers, snapshot }: AnswersRow): ResumeRules.ResumeRecord => ({
  snapshot: JSON.parse(snapshot) as RequestSnapshot.RequestSnapshot,
  answers: JSON.parse(answers) as ResumeRules.ResumeRecord["answers"],
})

/** Reads the records of runs that are locked, by their keys. */
export const read = (database: Database, keys: ReadonlyArray<number>) =>
  Effect.map(
    execute(
      database.sql<AnswersRow>`SELECT d.run_pk, d.snapshot, d.answers
        FROM ${keyRows(database, keys)} v JOIN run_details d ON d.run_pk = v.run_pk`,
    ),
    (found) => new Map(found.map((row) => [row.run_pk, toRecord(row)])),
  )

/** Writes the records, by the keys of the runs. */
export const write = ({ dialect, sql }: Database, changed: ReadonlyMap<number, ResumeRules.ResumeRecord>) =>
  changed.size === 0
    ? Effect.void
    : execute(
        sql`UPDATE run_details SET snapshot = v.snapshot, answers = v.answers
          FROM ${dialect.rows(
            { run_pk: "integer", snapshot: "text", answers: "text" },
            Array.from(changed, ([run_pk, { answers, snapshot }]) => ({
              run_pk,
              snapshot: JSON.stringify(snapshot),
              answers: JSON.stringify(answers),
            })),
          )} v
          WHERE run_details.run_pk = v.run_pk`,
      )
