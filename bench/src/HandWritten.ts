/**
 * The rows that a run leaves behind, written by hand: prepared statements on better-sqlite3, into the tables and
 * indexes of the real store, with none of its checks.
 */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { submission } from "./BareExchange.js"
import type { Synchronous } from "./Stores.js"

const sent = JSON.stringify(submission)
const snapshot = JSON.stringify(submission.snapshot)
const workerId = "01900000-0000-7000-8000-000000000001"
const started = JSON.stringify({ started: true, open: [] })
const initial = JSON.stringify({ started: false, open: [] })

/** Ids in order of time, as the store's own are, and cheaper. */
const idsFrom = (time: number) => {
  let count = 0
  const prefix = time.toString(16).padStart(12, "0")
  return () => {
    count += 1
    return `${prefix.slice(0, 8)}-${prefix.slice(8)}-7000-8000-${count.toString(16).padStart(12, "0")}`
  }
}

export interface Connection {
  readonly submit: () => void
  readonly claim: () => void
  readonly complete: () => void
  readonly append: () => void
  /** Writes in a transaction of its own. */
  readonly alone: (write: () => void) => () => void
  /** Writes `count` times in one transaction. */
  readonly together: (count: number, write: () => void) => () => void
  readonly database: Sqlite.Database
}

/** Opens a file that has the tables already. */
export const open = (filename: string, synchronous: Synchronous) =>
  Effect.acquireRelease(
    Effect.sync(() => connect(filename, synchronous)),
    ({ database }) => Effect.sync(() => database.close()),
  )

const connect = (filename: string, synchronous: Synchronous): Connection => {
  const database = new Sqlite(filename)
  database.pragma("journal_mode = WAL")
  database.pragma(`synchronous = ${synchronous}`)
  database.pragma("foreign_keys = ON")
  const { id: project } = database.prepare("SELECT id FROM projects LIMIT 1").get() as { id: string }
  const insertConversation = database.prepare(
    "INSERT INTO conversations (id, project_id, created_at, updated_at) VALUES (?, ?, ?, ?)",
  )
  const insertRun = database.prepare(`
    INSERT INTO runs (project_id, run_id, conversation_id, message_id, agent_id, lane, priority, status, gate,
      available_at, attempt, max_attempts, lease_epoch, latest_event_id, latest_sequence, created_at, updated_at)
    VALUES (?, ?, ?, ?, 'bench', ?, 0, 'pending', 0, ?, 0, 3, 0, 0, 0, ?, ?)`)
  const insertDetails = database.prepare(`
    INSERT INTO run_details (run_pk, root_run_id, answers, submission, snapshot) VALUES (?, ?, '{}', ?, ?)`)
  const findRunnable = database.prepare(`
    SELECT r.run_pk, r.run_id, r.conversation_id, d.snapshot FROM runs r JOIN run_details d ON d.run_pk = r.run_pk
    WHERE r.status = 'pending' AND r.gate = 0 AND r.project_id = ? AND r.implementation_kind IS NULL
      AND r.worker_key IS NULL ORDER BY r.priority DESC, r.run_pk LIMIT 1`)
  const lease = database.prepare(`
    UPDATE runs SET status = 'running', attempt = attempt + 1, lease_owner = ?, lease_epoch = lease_epoch + 1,
      lease_expires_at = ?, started_at = ?, updated_at = ?, latest_event_id = 1, log_state = ? WHERE run_pk = ?`)
  const end = database.prepare(`
    UPDATE runs SET status = 'completed', finished_at = ?, updated_at = ?, latest_event_id = latest_event_id + 1,
      log_state = ? WHERE project_id = ? AND run_id = ? AND lease_owner = ? AND lease_epoch = 1
    RETURNING run_pk, latest_event_id, conversation_id`)
  const insertEvent = database.prepare(
    "INSERT INTO events (run_pk, event_id, sequence, payload, created_at) VALUES (?, ?, ?, ?, ?)",
  )
  const grow = database.prepare(`
    UPDATE runs SET latest_event_id = latest_event_id + 1, latest_sequence = latest_sequence + 1, updated_at = ?
    WHERE run_pk = ? AND lease_owner = ? AND lease_epoch = 1 AND status = 'running'
    RETURNING latest_event_id, latest_sequence`)

  interface Held {
    readonly run_pk: number
    readonly run_id: string
    readonly conversation_id: string
    readonly snapshot: string
  }
  const held: Array<Held> = []
  const nextId = idsFrom(Date.now())

  const submit = () => {
    const now = Date.now()
    const conversation = nextId()
    const run = nextId()
    insertConversation.run(conversation, project, now, now)
    const { lastInsertRowid } = insertRun.run(
      project,
      run,
      conversation,
      nextId(),
      conversation,
      now,
      now,
      now,
    )
    insertDetails.run(lastInsertRowid, run, sent, snapshot)
  }

  const claim = () => {
    const now = Date.now()
    const run = findRunnable.get(project) as Held
    JSON.parse(run.snapshot)
    lease.run(workerId, now + 60_000, now, now, started, run.run_pk)
    const event = { type: "RUN_STARTED", threadId: run.conversation_id, runId: run.run_id }
    insertEvent.run(run.run_pk, 1, null, JSON.stringify(event), now)
    held.push(run)
  }

  const complete = () => {
    const now = Date.now()
    const run = held.shift()!
    const ended = end.get(now, now, initial, project, run.run_id, workerId) as {
      run_pk: number
      latest_event_id: number
      conversation_id: string
    }
    const event = {
      type: "RUN_FINISHED",
      threadId: ended.conversation_id,
      runId: run.run_id,
      outcome: { type: "success" },
    }
    insertEvent.run(ended.run_pk, ended.latest_event_id, null, JSON.stringify(event), now)
  }

  let turn = 0
  const append = () => {
    const now = Date.now()
    const run = held[(turn += 1) % held.length]!
    const { latest_event_id, latest_sequence } = grow.get(now, run.run_pk, workerId) as {
      latest_event_id: number
      latest_sequence: number
    }
    const event = { type: "TEXT_MESSAGE_CONTENT", messageId: "message-1", delta: "word " }
    insertEvent.run(run.run_pk, latest_event_id, latest_sequence, JSON.stringify(event), now)
  }

  return {
    submit,
    claim,
    complete,
    append,
    alone: (write) => {
      const transaction = database.transaction(write)
      return () => transaction.immediate()
    },
    together: (count, write) => {
      const transaction = database.transaction(() => {
        for (let index = 0; index < count; index += 1) write()
      })
      return () => transaction.immediate()
    },
    database,
  }
}
