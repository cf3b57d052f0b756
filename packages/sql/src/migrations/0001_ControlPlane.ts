/**
 * Projects, credentials, workers, conversations, runs and their logs.
 *
 * The state of a run is the table that it stands in: `queue` while it is pending, `leases` while it runs, `waits` while it
 * waits for answers, `outcomes` once it has ended. A run is in one of them. `runs` says what a run is, and is written once;
 * so is `inputs`, what its clients have sent.
 *
 * Rows about runs have no foreign keys: a transaction that writes them has the run.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

interface Types {
  readonly id: string
  readonly integer: string
  readonly clustered: string
}

const access = ({ id, integer }: Types): ReadonlyArray<string> => [
  `CREATE TABLE projects (
    project_pk ${id},
    id TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    created_at ${integer} NOT NULL
  )`,

  // `issued_by` is the API key that issued a worker's token: the token is revoked with it.
  `CREATE TABLE credentials (
    credential_pk ${id},
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    worker_id TEXT,
    issued_by TEXT,
    name TEXT,
    admin INTEGER NOT NULL,
    lookup TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at ${integer} NOT NULL,
    revoked_at ${integer}
  )`,
  `CREATE INDEX credentials_by_lookup ON credentials (lookup)`,
  `CREATE INDEX credentials_by_project ON credentials (project_id, credential_pk)`,
  `CREATE INDEX credentials_by_worker ON credentials (worker_id, credential_pk) WHERE worker_id IS NOT NULL`,
  `CREATE INDEX credentials_by_issuer ON credentials (issued_by) WHERE issued_by IS NOT NULL`,

  `CREATE TABLE workers (
    worker_pk ${id},
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    implementation_kind TEXT NOT NULL,
    implementation_display_name TEXT,
    worker_key TEXT NOT NULL,
    status TEXT NOT NULL,
    display_name TEXT,
    metadata TEXT,
    created_at ${integer} NOT NULL,
    updated_at ${integer} NOT NULL,
    last_heartbeat_at ${integer},
    UNIQUE (project_id, implementation_kind, worker_key)
  )`,
  `CREATE INDEX workers_by_heartbeat ON workers (project_id, COALESCE(last_heartbeat_at, -1), worker_pk)`,
]

const conversations = ({ id, integer }: Types): ReadonlyArray<string> => [
  // `runless` is 1 for a conversation whose last run was pruned, so that it can go too once it is old enough.
  `CREATE TABLE conversations (
    conversation_pk ${id},
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    title TEXT,
    metadata TEXT,
    runless INTEGER NOT NULL DEFAULT 0,
    created_at ${integer} NOT NULL,
    updated_at ${integer} NOT NULL,
    UNIQUE (project_id, id)
  )`,
  `CREATE INDEX conversations_runless ON conversations (project_id, updated_at) WHERE runless = 1`,

  `CREATE TABLE messages (
    message_pk ${id},
    conversation_pk ${integer} NOT NULL REFERENCES conversations (conversation_pk),
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    parts TEXT NOT NULL,
    parent_id TEXT,
    metadata TEXT,
    idempotency_key TEXT,
    created_at ${integer} NOT NULL
  )`,
  `CREATE INDEX messages_in_order ON messages (conversation_pk, message_pk)`,
  `CREATE UNIQUE INDEX messages_by_idempotency_key ON messages (conversation_pk, idempotency_key)
    WHERE idempotency_key IS NOT NULL`,
]

const runs = ({ clustered, id, integer }: Types): ReadonlyArray<string> => [
  `CREATE TABLE runs (
    run_pk ${id},
    project_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    implementation_kind TEXT,
    worker_key TEXT,
    lane TEXT,
    priority INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    created_at ${integer} NOT NULL,
    mode TEXT,
    parent_run_id TEXT,
    root_run_id TEXT NOT NULL,
    trigger_call TEXT,
    source_target TEXT,
    runtime_target TEXT,
    UNIQUE (project_id, run_id)
  )`,
  `CREATE INDEX runs_by_project ON runs (project_id, run_pk)`,
  `CREATE INDEX runs_by_agent ON runs (project_id, agent_id, run_pk)`,
  `CREATE INDEX runs_by_conversation ON runs (conversation_id, run_pk)`,

  // The inputs of a run: its submission is input 0, each answer and each later input is the next. `since` is the event
  // after which the run goes on with it. The input with the highest number that has a snapshot is what a claim gives.
  `CREATE TABLE inputs (
    run_pk ${integer} NOT NULL,
    input INTEGER NOT NULL,
    since ${integer} NOT NULL,
    project_id TEXT NOT NULL,
    public_id TEXT,
    fingerprint TEXT,
    submission TEXT,
    snapshot TEXT,
    answers TEXT,
    PRIMARY KEY (run_pk, input)
  ) ${clustered}`,
  `CREATE UNIQUE INDEX inputs_by_public_id ON inputs (project_id, public_id) WHERE public_id IS NOT NULL`,

  `CREATE TABLE sessions (
    run_pk ${integer} PRIMARY KEY,
    session_id TEXT NOT NULL,
    session_kind TEXT NOT NULL,
    session_worker_id TEXT,
    session_key TEXT NOT NULL,
    session_status TEXT NOT NULL,
    session_metadata TEXT,
    session_created_at ${integer} NOT NULL,
    session_updated_at ${integer} NOT NULL,
    session_ended_at ${integer}
  )`,

  `CREATE TABLE events (
    run_pk ${integer} NOT NULL,
    event_id ${integer} NOT NULL,
    sequence ${integer},
    payload TEXT NOT NULL,
    created_at ${integer} NOT NULL,
    PRIMARY KEY (run_pk, event_id)
  ) ${clustered}`,
]

/** Columns that every state has. `gate`: 0 nothing is in the way, 1 delayed until `available_at`, 2 behind another run. */
const shared = ({ integer }: Types): string => `
    run_pk ${integer} PRIMARY KEY,
    project_id TEXT NOT NULL,
    lane TEXT,
    gate INTEGER NOT NULL,
    available_at ${integer} NOT NULL,
    attempt INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    latest_event_id ${integer} NOT NULL,
    latest_sequence ${integer} NOT NULL,
    log_state TEXT,
    updated_at ${integer} NOT NULL,
    started_at ${integer}`

/** The claim that has a run, or had it at its end: how often and how evenly its lease was renewed. */
const claim = ({ integer }: Types): string => `
    lease_owner TEXT,
    lease_expires_at ${integer},
    claim_id TEXT,
    claimed_at ${integer},
    renewals INTEGER,
    renewed_at ${integer},
    longest_gap ${integer}`

const states = (types: Types): ReadonlyArray<string> => [
  `CREATE TABLE queue (${shared(types)},
    agent_id TEXT NOT NULL,
    implementation_kind TEXT,
    worker_key TEXT,
    priority INTEGER NOT NULL,
    past_attempt TEXT
  )`,
  `CREATE INDEX queue_runnable ON queue (project_id, implementation_kind, worker_key, priority DESC, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, priority DESC, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_delayed ON queue (available_at) WHERE gate = 1`,
  `CREATE INDEX queue_in_lane ON queue (project_id, lane, run_pk) WHERE lane IS NOT NULL`,

  // A run that its submitter drives has no owner.
  `CREATE TABLE leases (${shared(types)},${claim(types)}
  )`,
  `CREATE INDEX leases_expiring ON leases (lease_expires_at) WHERE lease_owner IS NOT NULL`,
  `CREATE INDEX leases_by_claim ON leases (claim_id, lease_owner) WHERE claim_id IS NOT NULL`,
  `CREATE INDEX leases_in_lane ON leases (project_id, lane, run_pk) WHERE lane IS NOT NULL`,

  `CREATE TABLE waits (${shared(types)},
    waiting TEXT NOT NULL,
    waiting_expires_at ${types.integer}
  )`,
  `CREATE INDEX waits_expiring ON waits (waiting_expires_at) WHERE waiting_expires_at IS NOT NULL`,
  `CREATE INDEX waits_in_lane ON waits (project_id, lane, run_pk) WHERE lane IS NOT NULL`,

  // A run that is being deleted in parts has status `pruned`; no reader may see it.
  `CREATE TABLE outcomes (${shared(types)},${claim(types)},
    status TEXT NOT NULL,
    error TEXT,
    metadata TEXT,
    result TEXT,
    finished_at ${types.integer} NOT NULL
  )`,
  `CREATE INDEX outcomes_finished ON outcomes (project_id, finished_at)`,

  // Claims that ended without an outcome.
  `CREATE TABLE claims (
    run_pk ${types.integer} NOT NULL,
    lease_epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker_id TEXT NOT NULL,
    claimed_at ${types.integer} NOT NULL,
    renewals INTEGER NOT NULL,
    renewed_at ${types.integer} NOT NULL,
    longest_gap ${types.integer} NOT NULL,
    ended_at ${types.integer} NOT NULL,
    ended TEXT NOT NULL,
    PRIMARY KEY (run_pk, lease_epoch)
  ) ${types.clustered}`,
]

/**
 * How PostgreSQL's tables grow: those that change with every run are vacuumed by how many rows have changed, not by which
 * part of a long history.
 */
const vacuumed = ["queue", "leases", "waits", "outcomes", "runs", "inputs", "events", "sessions"].map(
  (
    table,
  ) => `ALTER TABLE ${table} SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0)`,
)

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = (types: Types) => [...access(types), ...conversations(types), ...runs(types), ...states(types)]
  const statements = sql.onDialectOrElse({
    sqlite: () => all({ id: "INTEGER PRIMARY KEY", integer: "INTEGER", clustered: "WITHOUT ROWID" }),
    orElse: () => [
      ...all({ id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", integer: "BIGINT", clustered: "" }),
      ...vacuumed,
    ],
  })
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
