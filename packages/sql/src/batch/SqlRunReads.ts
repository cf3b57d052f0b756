/**
 * Reads of runs on a SQL database, outside of transactions.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids, RequestSnapshot, RunStore } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { toRun, toStored } from "../rows/RunCodec.js"
import { type DetailRow, Gate, type RunRow, selectedDetails, selectedRun } from "../rows/RunRow.js"
import * as DueQueries from "./DueQueries.js"
import * as InputRows from "./InputRows.js"
import * as LogQueries from "./LogQueries.js"
import * as RunQueries from "./RunQueries.js"

interface WorkerRow {
  readonly project_id: Ids.ProjectId
  readonly implementation_kind: string
  readonly worker_key: string
}

const list =
  ({ sql }: Database): RunStore.RunReads<SqlError>["list"] =>
  (projectId, { agentId, conversationId, status }, { before, limit }) => {
    const filters: Array<Fragment> = [
      sql`r.project_id = ${projectId}`,
      sql`r.run_pk < ${before}`,
      sql`r.gate <> ${sql.literal(String(Gate.pruned))}`,
    ]
    if (status !== undefined) filters.push(sql`r.status = ${status}`)
    if (agentId !== undefined) filters.push(sql`r.agent_id = ${agentId}`)
    if (conversationId !== undefined) filters.push(sql`r.conversation_id = ${conversationId}`)
    return Effect.map(
      sql<RunRow & DetailRow>`SELECT ${sql.literal(`${selectedRun}, ${selectedDetails}`)} FROM runs r
        JOIN run_details d ON d.run_pk = r.run_pk
        LEFT JOIN sessions s ON s.run_pk = r.run_pk
        WHERE ${sql.and(filters)} ORDER BY r.run_pk DESC LIMIT ${limit}`,
      (rows) => rows.map((row) => ({ key: row.run_pk, run: toRun(toStored(row), row) })),
    )
  }

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database): RunStore.RunReads<SqlError> => ({
  now: database.dialect.now,

  worker: (workerId) =>
    Effect.map(
      database.sql<WorkerRow>`
        SELECT project_id, implementation_kind, worker_key FROM workers WHERE id = ${workerId}`,
      ([row]) =>
        row && {
          projectId: row.project_id,
          implementationKind: row.implementation_kind,
          workerKey: row.worker_key,
        },
    ),

  run: (ref) => Effect.map(RunQueries.findRun(database, ref), (row) => row && toRun(toStored(row), row)),

  snapshot: (ref) =>
    Effect.map(RunQueries.findSnapshot(database, ref), (text) =>
      text === undefined ? undefined : (JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    ),

  list: list(database),

  inputs: (ref) => InputRows.ofRun(database, ref),

  runIdOf: (name) => InputRows.runIdOf(database, name),

  log: (ref, after, bounds) => LogQueries.readPage(database, ref, after, bounds),

  nextDue: DueQueries.nextDue(database),
})
