/**
 * The baseline on SQLite: prepared statements on better-sqlite3, into the tables and indexes of the real store,
 * without its checks.
 */
import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import type { SqliteOptions } from "../Stores.js"
import type { Hand } from "./Hand.js"
import { submission } from "../Submission.js"
import {
  begun,
  claimsCounted,
  delta,
  type ClaimedRow,
  endsCounted,
  runFinished,
  runStarted,
  workerId,
} from "./Rows.js"

const connect = ({ filename, synchronous }: SqliteOptions) => {
  const database = new Sqlite(filename)
  database.pragma("journal_mode = WAL")
  database.pragma(`synchronous = ${synchronous}`)
  database.pragma("foreign_keys = ON")
  database.pragma("wal_autocheckpoint = 4000")
  const project = database.prepare("SELECT id FROM projects LIMIT 1").pluck().get() as string
  const findRunnable = database.prepare(`
    SELECT q.run_pk, r.run_id, r.conversation_id, i.snapshot FROM queue q JOIN runs r ON r.run_pk = q.run_pk
    JOIN inputs i ON i.run_pk = q.run_pk AND i.input = 0
    WHERE q.gate = 0 AND q.project_id = ? AND q.implementation_kind IS NULL AND q.worker_key IS NULL
    ORDER BY q.priority DESC, q.rank, q.run_pk LIMIT ? + 0`)
  const lease = database.prepare(`
    INSERT INTO leases (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id,
      latest_sequence, log_state, updated_at, started_at, lease_owner, lease_expires_at, claim_id, claimed_at, renewals,
      renewed_at, longest_gap)
    SELECT run_pk, project_id, lane, gate, available_at, attempt + 1, lease_epoch + 1, 1, latest_sequence, ?, ?, ?, ?, ?, ?,
      ?, 0, ?, 0 FROM queue WHERE run_pk = ?`)
  const dequeue = database.prepare("DELETE FROM queue WHERE run_pk = ?")
  const end = database
    .prepare(`
    INSERT INTO outcomes (run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id,
      latest_sequence, log_state, updated_at, started_at, lease_owner, lease_expires_at, claim_id, claimed_at, renewals,
      renewed_at, longest_gap, status, finished_at)
    SELECT run_pk, project_id, lane, gate, available_at, attempt, lease_epoch, latest_event_id + 1, latest_sequence, NULL, ?,
      started_at, lease_owner, lease_expires_at, claim_id, claimed_at, renewals, renewed_at, longest_gap, 'completed', ?
    FROM leases WHERE run_pk = ? AND lease_owner = ? AND lease_epoch = 1
    RETURNING latest_event_id`)
    .pluck()
  const unlease = database.prepare("DELETE FROM leases WHERE run_pk = ?")
  const grow = database.prepare(`
    UPDATE leases SET latest_event_id = latest_event_id + ?, latest_sequence = latest_sequence + ?, updated_at = ?
    WHERE run_pk = ? AND lease_owner = ? AND lease_epoch = 1
    RETURNING latest_event_id, latest_sequence`)
  const insertCounted = database.prepare(
    "INSERT INTO counter_deltas (project_id, agent_id, minute, counters) VALUES (?, ?, ?, ?)",
  )
  const insertEvent = database.prepare(
    "INSERT INTO events (run_pk, event_id, sequence, payload, created_at) VALUES (?, ?, ?, ?, ?)",
  )

  const claim = database.transaction((limit: number): ReadonlyArray<ClaimedRow> => {
    const now = Date.now()
    const claimId = randomUUID()
    const found = findRunnable.all(project, limit) as ReadonlyArray<ClaimedRow>
    for (const run of found) {
      JSON.parse(run.snapshot)
      lease.run(begun, now, now, workerId, now + 60_000, claimId, now, now, run.run_pk)
      dequeue.run(run.run_pk)
      insertEvent.run(run.run_pk, 1, null, runStarted(run), now)
    }
    const { counters, minute } = claimsCounted(now, found.length)
    insertCounted.run(project, submission.agentId, minute, counters)
    return found
  })

  const complete = database.transaction((runs: ReadonlyArray<ClaimedRow>) => {
    const now = Date.now()
    for (const run of runs) {
      const eventId = end.get(now, now, run.run_pk, workerId)
      unlease.run(run.run_pk)
      insertEvent.run(run.run_pk, eventId, null, runFinished(run), now)
    }
    const { counters, minute } = endsCounted(now, runs.length)
    insertCounted.run(project, submission.agentId, minute, counters)
  })

  const append = database.transaction((mentions: ReadonlyArray<ClaimedRow>) => {
    const now = Date.now()
    const counts = new Map<ClaimedRow, number>()
    for (const run of mentions) counts.set(run, (counts.get(run) ?? 0) + 1)
    for (const [run, count] of counts) {
      const latest = grow.get(count, count, now, run.run_pk, workerId) as {
        latest_event_id: number
        latest_sequence: number
      }
      for (let back = count - 1; back >= 0; back -= 1) {
        insertEvent.run(
          run.run_pk,
          latest.latest_event_id - back,
          latest.latest_sequence - back,
          delta(),
          now,
        )
      }
    }
  })

  return {
    append: append.immediate,
    claim: claim.immediate,
    complete: complete.immediate,
    close: () => database.close(),
  } satisfies Hand & { readonly close: () => void }
}

/** Opens a file with the store's tables. The Scope closes it. */
export const open = (store: SqliteOptions): Effect.Effect<Hand, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => connect(store)),
    (hand) => Effect.sync(() => hand.close()),
  )
