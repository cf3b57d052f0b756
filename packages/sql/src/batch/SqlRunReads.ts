/**
 * Reads of runs on a SQL database, outside of transactions.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import type { Ids, RequestSnapshot, Run, RunStore } from "@runlease/core"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import { toRun } from "../rows/RunCodec.js"
import { joinedStates } from "../rows/RunRow.js"
import * as CounterQueries from "./CounterQueries.js"
import * as DetailQueries from "./DetailQueries.js"
import * as DueQueries from "./DueQueries.js"
import * as InputRows from "./InputRows.js"
import * as LogQueries from "./LogQueries.js"
import * as RunQueries from "./RunQueries.js"

interface WorkerRow {
  readonly project_id: Ids.ProjectId
  readonly implementation_kind: string
  readonly worker_key: string
}

/** The rows of the state that a list asks for; those of an unfinished one are few, however long the history. */
const drivenBy = (status: Run.RunStatus | undefined): string => {
  switch (status) {
    case "pending":
      return "queue f JOIN runs r ON r.run_pk = f.run_pk"
    case "running":
      return "leases f JOIN runs r ON r.run_pk = f.run_pk"
    case "waiting":
      return "waits f JOIN runs r ON r.run_pk = f.run_pk"
    default:
      return "runs r"
  }
}

const isUnfinished = (status: Run.RunStatus | undefined): boolean =>
  status === "pending" || status === "running" || status === "waiting"

const list =
  ({ sql }: Database): RunStore.RunReads<SqlError>["list"] =>
  (projectId, { agentId, conversationId, status }, { before, limit }) => {
    const filters: Array<Fragment> = [
      sql`r.project_id = ${projectId}`,
      sql`r.run_pk < ${before}`,
      sql`COALESCE(o.status, '') <> 'pruned'`,
    ]
    if (status !== undefined && !isUnfinished(status)) filters.push(sql`o.status = ${status}`)
    if (agentId !== undefined) filters.push(sql`r.agent_id = ${agentId}`)
    if (conversationId !== undefined) filters.push(sql`r.conversation_id = ${conversationId}`)
    return Effect.map(
      sql<RunQueries.WholeRow>`SELECT ${sql.literal(RunQueries.selectedWhole)}
        FROM ${sql.literal(drivenBy(status))} ${sql.literal(joinedStates)}
        LEFT JOIN sessions s ON s.run_pk = r.run_pk
        WHERE ${sql.and(filters)} ORDER BY r.run_pk DESC LIMIT ${limit}`,
      (rows) => rows.map((row) => ({ key: row.run_pk, run: toRun(row) })),
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

  run: (ref) => Effect.map(RunQueries.readRun(database, ref), (row) => row && toRun(row)),

  snapshot: (ref) =>
    Effect.map(DetailQueries.readSnapshot(database, ref), (text) =>
      text === undefined ? undefined : (JSON.parse(text) as RequestSnapshot.RequestSnapshot),
    ),

  list: list(database),

  inputs: (ref) => InputRows.ofRun(database, ref),

  runIdOf: (name) => InputRows.runIdOf(database, name),

  log: (ref, after, bounds) => LogQueries.readPage(database, ref, after, bounds),

  counters: (projectId, query) => CounterQueries.read(database, projectId, query),

  nextDue: DueQueries.nextDue(database),
})
