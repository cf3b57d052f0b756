/** Deletes finished runs and what belongs to them, a bounded number of rows in one commit. */
import type { SqlError } from "@effect/sql/SqlError"
import type { Ids, Run } from "@runlease/core"
import { CounterRows } from "@runlease/store"
import { Effect } from "effect"
import * as CounterQueries from "./CounterQueries.js"
import * as LabelRows from "./LabelRows.js"
import { keyRows } from "./RunQueries.js"
import type { SqlStore } from "./SqlStore.js"

/** The number of events or messages that one commit deletes: a claim may wait a few milliseconds for it. */
export const rowsPerCommit = 2000

export interface Finished {
  readonly run_pk: number
  readonly conversation_id: string
  readonly agent_id: Ids.AgentId
  readonly status: Run.TerminalStatus | "pruned"
  readonly latest_event_id: number
}

/** The columns of a finished run, for a SELECT from `outcomes` as `o` and `runs` as `r`. */
export const finishedColumns = "o.run_pk, r.conversation_id, r.agent_id, o.status, o.latest_event_id"

/**
 * Whether a finished run is needed, for a SELECT from `outcomes` as `o` and `runs` as `r`. A child is read by its parent until that has ended,
 * and a parent is needed until its children have.
 */
export const isNeeded = `(COALESCE(o.open_children, 0) > 0 OR (r.child IS NOT NULL AND EXISTS (
  SELECT 1 FROM runs p WHERE p.project_id = r.project_id AND p.run_id = r.parent_run_id
    AND NOT EXISTS (SELECT 1 FROM outcomes e WHERE e.run_pk = p.run_pk)
)))`

interface Of {
  readonly projectId: Ids.ProjectId
  readonly now: number
}

/** An id that no caller can name, since ids of callers have no control characters. */
export const hiddenId = (key: number): string => `\u0001${key}`

/** Deletes the last events of a log that is too long for one commit, and hides its run meanwhile. */
const shorten = (store: SqlStore, { latest_event_id, run_pk }: Finished) =>
  Effect.gen(function* () {
    const { sql } = store
    const left = latest_event_id - rowsPerCommit
    yield* LabelRows.prune(store, keyRows(store, [run_pk]))
    yield* sql`UPDATE runs SET run_id = ${hiddenId(run_pk)}, title = NULL, labels = NULL WHERE run_pk = ${run_pk}`
    yield* sql`UPDATE outcomes SET status = 'pruned', latest_event_id = ${left} WHERE run_pk = ${run_pk}`
    yield* sql`DELETE FROM inputs WHERE run_pk = ${run_pk}`
    yield* sql`DELETE FROM records WHERE run_pk = ${run_pk}`
    yield* sql`DELETE FROM claims WHERE run_pk = ${run_pk}`
    yield* sql`DELETE FROM events WHERE run_pk = ${run_pk} AND event_id > ${left}`
  })

const deleteRuns = (store: SqlStore, projectId: string, runs: ReadonlyArray<Finished>) =>
  Effect.gen(function* () {
    const { sql, dialect } = store
    const keys = keyRows(
      store,
      runs.map(({ run_pk }) => run_pk),
    )
    yield* LabelRows.prune(store, keys)
    for (const table of ["records", "events", "sessions", "inputs", "claims", "outcomes", "runs"]) {
      yield* sql`DELETE FROM ${sql(table)} WHERE run_pk IN (SELECT run_pk FROM ${keys} v)`
    }
    const ids = Array.from(new Set(runs.map(({ conversation_id }) => conversation_id)), (id) => ({ id }))
    yield* sql`UPDATE conversations SET runless = 1
      WHERE project_id = ${projectId} AND id IN (SELECT id FROM ${dialect.rows({ id: "text" }, ids)} v)
      AND NOT EXISTS (
        SELECT 1 FROM runs r WHERE r.conversation_id = conversations.id AND r.project_id = ${projectId}
      )`
  })

/** Counts runs that are gone. Those that are deleted in parts were counted when they were hidden. */
const countDeleted = (store: SqlStore, { now, projectId }: Of, runs: ReadonlyArray<Finished>) => {
  const counters = CounterRows.make(now)
  for (const { agent_id: agentId, status } of runs) {
    if (status !== "pruned") counters.deleted({ projectId, agentId }, status)
  }
  return store.dialect.write(CounterQueries.insert(store, counters.take()))
}

/**
 * Deletes the first of these runs, as many as one commit may, or a part of the log of the first one. Returns how many runs are gone. Their
 * rows are locked.
 */
export const some = (
  store: SqlStore,
  of: Of,
  due: ReadonlyArray<Finished>,
): Effect.Effect<number, SqlError> =>
  Effect.gen(function* () {
    let room = rowsPerCommit
    const end = due.findIndex(({ latest_event_id }) => (room -= latest_event_id) < 0)
    const runs = end < 0 ? due : due.slice(0, end)
    if (runs.length > 0) yield* deleteRuns(store, of.projectId, runs)
    else if (due[0] !== undefined) yield* shorten(store, due[0])
    yield* countDeleted(store, of, runs.length > 0 ? runs : due.slice(0, 1))
    return runs.length
  })

/** Deletes messages of these conversations; false where there may be more. */
export const messages = (
  store: SqlStore,
  conversations: ReadonlyArray<number>,
): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    store.sql`DELETE FROM messages WHERE message_pk IN (
      SELECT m.message_pk FROM ${keyRows(store, conversations)} v JOIN messages m ON m.conversation_pk = v.run_pk
      LIMIT ${rowsPerCommit}
    ) RETURNING message_pk`,
    (deleted) => deleted.length < rowsPerCommit,
  )
