/**
 * Projects, credentials, workers, conversations, runs and their logs.
 *
 * `runs` is narrow and hot: a claim reads it through partial indexes that hold only what may be claimed, what is
 * delayed, and what is leased, so neither the backlog nor finished history is in its way. The input of a run is in
 * `run_details`, and its events are in `events`.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

/** `gate` of a pending run: 0 runnable, 1 delayed until `available_at`, 2 behind another run of its lane. */
const tables = (dialect: {
  readonly id: string
  readonly integer: string
  readonly clustered: string
}): ReadonlyArray<string> => [
  `CREATE TABLE projects (
    project_pk ${dialect.id},
    id TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    created_at ${dialect.integer} NOT NULL
  )`,

  `CREATE TABLE credentials (
    credential_pk ${dialect.id},
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    worker_id TEXT,
    name TEXT,
    admin INTEGER NOT NULL,
    lookup TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at ${dialect.integer} NOT NULL,
    revoked_at ${dialect.integer}
  )`,
  `CREATE INDEX credentials_by_lookup ON credentials (lookup)`,
  `CREATE INDEX credentials_by_project ON credentials (project_id, credential_pk)`,
  `CREATE INDEX credentials_by_worker ON credentials (worker_id, credential_pk) WHERE worker_id IS NOT NULL`,

  `CREATE TABLE workers (
    worker_pk ${dialect.id},
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    implementation_kind TEXT NOT NULL,
    implementation_display_name TEXT,
    worker_key TEXT NOT NULL,
    status TEXT NOT NULL,
    display_name TEXT,
    metadata TEXT,
    created_at ${dialect.integer} NOT NULL,
    updated_at ${dialect.integer} NOT NULL,
    last_heartbeat_at ${dialect.integer},
    UNIQUE (project_id, implementation_kind, worker_key)
  )`,
  `CREATE INDEX workers_by_heartbeat ON workers (project_id, COALESCE(last_heartbeat_at, -1), worker_pk)`,

  `CREATE TABLE conversations (
    conversation_pk ${dialect.id},
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    title TEXT,
    metadata TEXT,
    created_at ${dialect.integer} NOT NULL,
    updated_at ${dialect.integer} NOT NULL,
    UNIQUE (project_id, id)
  )`,

  `CREATE TABLE messages (
    message_pk ${dialect.id},
    conversation_pk ${dialect.integer} NOT NULL REFERENCES conversations (conversation_pk),
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    parts TEXT NOT NULL,
    parent_id TEXT,
    metadata TEXT,
    idempotency_key TEXT,
    created_at ${dialect.integer} NOT NULL
  )`,
  `CREATE INDEX messages_in_order ON messages (conversation_pk, message_pk)`,
  `CREATE UNIQUE INDEX messages_by_idempotency_key ON messages (conversation_pk, idempotency_key)
    WHERE idempotency_key IS NOT NULL`,

  `CREATE TABLE runs (
    run_pk ${dialect.id},
    project_id TEXT NOT NULL REFERENCES projects (id),
    run_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    implementation_kind TEXT,
    worker_key TEXT,
    lane TEXT,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    gate INTEGER NOT NULL,
    available_at ${dialect.integer} NOT NULL,
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    lease_owner TEXT,
    lease_epoch INTEGER NOT NULL,
    lease_expires_at ${dialect.integer},
    latest_event_id ${dialect.integer} NOT NULL,
    latest_sequence ${dialect.integer} NOT NULL,
    log_state TEXT,
    past_attempt TEXT,
    waiting TEXT,
    error TEXT,
    created_at ${dialect.integer} NOT NULL,
    updated_at ${dialect.integer} NOT NULL,
    started_at ${dialect.integer},
    finished_at ${dialect.integer},
    UNIQUE (project_id, run_id)
  )`,
  `CREATE INDEX runs_runnable ON runs (project_id, implementation_kind, worker_key, priority DESC, run_pk)
    WHERE status = 'pending' AND gate = 0`,
  `CREATE INDEX runs_runnable_by_agent
    ON runs (project_id, agent_id, implementation_kind, worker_key, priority DESC, run_pk)
    WHERE status = 'pending' AND gate = 0`,
  `CREATE INDEX runs_delayed ON runs (available_at) WHERE status = 'pending' AND gate = 1`,
  `CREATE INDEX runs_leased ON runs (lease_expires_at) WHERE status = 'running' AND lease_owner IS NOT NULL`,
  `CREATE INDEX runs_in_lane ON runs (project_id, lane, run_pk) WHERE finished_at IS NULL AND lane IS NOT NULL`,
  `CREATE INDEX runs_by_project ON runs (project_id, run_pk)`,
  `CREATE INDEX runs_by_conversation ON runs (conversation_id, run_pk)`,

  `CREATE TABLE run_details (
    run_pk ${dialect.integer} PRIMARY KEY REFERENCES runs (run_pk),
    mode TEXT,
    parent_run_id TEXT,
    root_run_id TEXT NOT NULL,
    trigger_call TEXT,
    source_target TEXT,
    runtime_target TEXT,
    metadata TEXT,
    answers TEXT NOT NULL,
    submission TEXT NOT NULL,
    snapshot TEXT NOT NULL
  )`,

  `CREATE TABLE sessions (
    run_pk ${dialect.integer} PRIMARY KEY REFERENCES runs (run_pk),
    session_id TEXT NOT NULL,
    session_kind TEXT NOT NULL,
    session_worker_id TEXT,
    session_key TEXT NOT NULL,
    session_status TEXT NOT NULL,
    session_metadata TEXT,
    session_created_at ${dialect.integer} NOT NULL,
    session_updated_at ${dialect.integer} NOT NULL,
    session_ended_at ${dialect.integer}
  )`,

  `CREATE TABLE events (
    run_pk ${dialect.integer} NOT NULL REFERENCES runs (run_pk),
    event_id ${dialect.integer} NOT NULL,
    sequence ${dialect.integer},
    payload TEXT NOT NULL,
    created_at ${dialect.integer} NOT NULL,
    PRIMARY KEY (run_pk, event_id)
  ) ${dialect.clustered}`,
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const statements = sql.onDialectOrElse({
    sqlite: () => tables({ id: "INTEGER PRIMARY KEY", integer: "INTEGER", clustered: "WITHOUT ROWID" }),
    orElse: () =>
      tables({
        id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        integer: "BIGINT",
        clustered: "",
      }),
  })
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
