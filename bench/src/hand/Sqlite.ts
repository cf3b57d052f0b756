/**
 * The baseline on SQLite: prepared statements on better-sqlite3, into the tables and indexes of the real store,
 * without its checks.
 */
import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import type { SqliteOptions } from "../Stores.js"
import type { Hand } from "./Hand.js"
import { begun, delta, ended, type ClaimedRow, runFinished, runStarted, workerId } from "./Rows.js"

const connect = ({ filename, synchronous }: SqliteOptions) => {
  const database = new Sqlite(filename)
  database.pragma("journal_mode = WAL")
  database.pragma(`synchronous = ${synchronous}`)
  database.pragma("foreign_keys = ON")
  const project = database.prepare("SELECT id FROM projects LIMIT 1").pluck().get() as string
  const findRunnable = database.prepare(`
    SELECT r.run_pk, r.run_id, r.conversation_id, d.snapshot FROM runs r JOIN run_details d ON d.run_pk = r.run_pk
    WHERE r.status = 'pending' AND r.gate = 0 AND r.project_id = ? AND r.implementation_kind IS NULL
      AND r.worker_key IS NULL ORDER BY r.priority DESC, r.run_pk LIMIT ?`)
  const lease = database.prepare(`
    UPDATE runs SET status = 'running', attempt = attempt + 1, lease_owner = ?, lease_epoch = lease_epoch + 1,
      lease_expires_at = ?, claim_id = ?, started_at = ?, updated_at = ?, latest_event_id = 1,
      log_state = ? WHERE run_pk = ?`)
  const end = database
    .prepare(`
    UPDATE runs SET status = 'completed', finished_at = ?, updated_at = ?, latest_event_id = latest_event_id + 1,
      log_state = ?
    WHERE project_id = ? AND run_id = ? AND lease_owner = ? AND lease_epoch = 1 AND status = 'running'
    RETURNING latest_event_id`)
    .pluck()
  const grow = database.prepare(`
    UPDATE runs SET latest_event_id = latest_event_id + ?, latest_sequence = latest_sequence + ?, updated_at = ?
    WHERE run_pk = ? AND lease_owner = ? AND lease_epoch = 1 AND status = 'running'
    RETURNING latest_event_id, latest_sequence`)
  const insertEvent = database.prepare(
    "INSERT INTO events (run_pk, event_id, sequence, payload, created_at) VALUES (?, ?, ?, ?, ?)",
  )

  const claim = database.transaction((limit: number): ReadonlyArray<ClaimedRow> => {
    const now = Date.now()
    const claimId = randomUUID()
    const found = findRunnable.all(project, limit) as ReadonlyArray<ClaimedRow>
    for (const run of found) {
      JSON.parse(run.snapshot)
      lease.run(workerId, now + 60_000, claimId, now, now, begun, run.run_pk)
      insertEvent.run(run.run_pk, 1, null, runStarted(run), now)
    }
    return found
  })

  const complete = database.transaction((runs: ReadonlyArray<ClaimedRow>) => {
    const now = Date.now()
    for (const run of runs) {
      const eventId = end.get(now, now, ended, project, run.run_id, workerId)
      insertEvent.run(run.run_pk, eventId, null, runFinished(run), now)
    }
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
