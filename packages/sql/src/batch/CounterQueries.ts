/**
 * Counters of runs: what commits add, the sums of it, and the adding up.
 *
 * A transaction that adds up or deletes sums has the lock of `lockSums`, so that no two of them change a sum at once. Commits
 * only insert into `counter_deltas`, and wait for none of them.
 *
 * Source: docs/decisions/0053-counters-of-runs.md
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import type { Ids } from "@runlease/core"
import { CounterRows, type RunStore } from "@runlease/store"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import {
  deltaColumns,
  deltaRow,
  type DeltaRow,
  Step,
  sumColumns,
  sumRow,
  type SumRow,
  toDelta,
  toSum,
} from "../rows/CounterRow.js"

/** The statements that add what a commit has counted. */
export const insert = (
  database: Database,
  counted: ReadonlyArray<CounterRows.CounterDelta>,
): ReadonlyArray<Statement<object>> =>
  counted.length === 0
    ? []
    : [BulkStatements.insert(database, "counter_deltas", deltaColumns, counted.map(deltaRow))]

/** Marks a row of `counter_deltas` in place of a step. */
const isDelta = -1

/** Reads the counters of a project, all at one moment. */
export const read = (
  { sql }: Database,
  projectId: Ids.ProjectId,
  { agentId, periods }: RunStore.CounterQuery,
): Effect.Effect<ReadonlyArray<CounterRows.CounterSum>, SqlError> => {
  const columns = sql.literal("project_id, step, starts_at, agent_id, counters")
  const ofAgent = agentId === undefined ? sql.literal("") : sql`AND agent_id = ${agentId}`
  const ever = sql`SELECT ${columns} FROM counter_sums
    WHERE project_id = ${projectId} AND step = ${Step.ever} AND starts_at = 0 ${ofAgent}`
  const during =
    periods === undefined
      ? sql.literal("")
      : sql`UNION ALL SELECT ${columns} FROM counter_sums
        WHERE project_id = ${projectId} AND step = ${Step[periods.step]} AND starts_at >= ${periods.first} ${ofAgent}`
  const isWanted = (sum: CounterRows.CounterSum) =>
    sum.step === "ever" || (sum.step === periods?.step && sum.start >= periods.first)
  return Effect.map(
    sql<SumRow>`${ever} ${during} UNION ALL
      SELECT project_id, ${sql.literal(String(isDelta))} AS step, minute AS starts_at, agent_id, counters
      FROM counter_deltas WHERE project_id = ${projectId} ${ofAgent}`,
    (rows) =>
      rows.flatMap((row) =>
        row.step === isDelta
          ? CounterRows.sumsOf(toDelta({ ...row, minute: row.starts_at })).filter(isWanted)
          : [toSum(row)],
      ),
  )
}

/** Waits for other transactions that change sums. */
export const lockSums = ({ dialect }: Database): Effect.Effect<void, SqlError> =>
  dialect.lockNames(["counter_sums"])

/** The largest number of rows that one transaction adds up. */
const mostDeltas = 500

const keyColumns = {
  project_id: "text",
  step: "integer",
  starts_at: "integer",
  agent_id: "text",
} as const

/** Adds up a bounded number of rows that commits have added, under the lock of `lockSums`. Returns whether there are more. */
export const addUp = (database: Database): Effect.Effect<boolean, SqlError> =>
  Effect.gen(function* () {
    const { dialect, sql } = database
    const deltas = yield* sql<DeltaRow & { readonly delta_pk: number }>`
      SELECT delta_pk, project_id, agent_id, minute, counters FROM counter_deltas
      ORDER BY delta_pk LIMIT ${sql.literal(String(mostDeltas))}`
    if (deltas.length === 0) return false
    const added = CounterRows.addUp(deltas.map(toDelta).flatMap(CounterRows.sumsOf))
    const before = yield* sql<SumRow>`
      SELECT c.project_id, c.step, c.starts_at, c.agent_id, c.counters FROM ${dialect.rows(
        keyColumns,
        added.map(sumRow),
      )} v JOIN counter_sums c ON c.project_id = v.project_id AND c.step = v.step AND c.starts_at = v.starts_at
        AND c.agent_id = v.agent_id`
    const after = CounterRows.addUp([...before.map(toSum), ...added])
    const names = sql.literal(Object.keys(sumColumns).join(", "))
    // SQLite needs the WHERE to distinguish the upsert's ON from a join's.
    yield* sql`INSERT INTO counter_sums (${names}) SELECT ${names} FROM ${dialect.rows(
      sumColumns,
      after.map(sumRow),
    )} v WHERE TRUE
      ON CONFLICT (project_id, step, starts_at, agent_id) DO UPDATE SET counters = excluded.counters`
    const keys = deltas.map(({ delta_pk }) => delta_pk)
    yield* sql`DELETE FROM counter_deltas WHERE ${dialect.isOneOf("delta_pk", keys)}`
    return deltas.length === mostDeltas
  })

/** Deletes at most `limit` sums of periods that have ended by then, under the lock of `lockSums`. Returns whether there are more. */
export const prune = (
  { sql }: Database,
  projectId: Ids.ProjectId,
  before: number,
  limit: number,
): Effect.Effect<boolean, SqlError> =>
  Effect.gen(function* () {
    let more = false
    for (const step of ["minute", "hour"] as const) {
      const deleted = yield* sql`DELETE FROM counter_sums WHERE (project_id, step, starts_at, agent_id) IN (
          SELECT project_id, step, starts_at, agent_id FROM counter_sums WHERE project_id = ${projectId}
            AND step = ${Step[step]} AND starts_at <= ${before - CounterRows.stepMillis[step]}
          ORDER BY starts_at LIMIT ${limit}
        ) RETURNING step`
      more ||= deleted.length === limit
    }
    return more
  })
