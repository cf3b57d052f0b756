/** What all migrations make in a new SQLite file. A test of `sql` writes it. */
export const tables = `
CREATE TABLE "runlease_migrations" (
  migration_id integer PRIMARY KEY NOT NULL,
  created_at datetime NOT NULL DEFAULT current_timestamp,
  name VARCHAR(255) NOT NULL
);
CREATE TABLE projects (
    project_pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
  , signing_key TEXT);
CREATE TABLE credentials (
    credential_pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    worker_id TEXT,
    issued_by TEXT,
    name TEXT,
    admin INTEGER NOT NULL,
    lookup TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
  , expires_at INTEGER);
CREATE INDEX credentials_by_lookup ON credentials (lookup);
CREATE INDEX credentials_by_project ON credentials (project_id, credential_pk);
CREATE INDEX credentials_by_worker ON credentials (worker_id, credential_pk) WHERE worker_id IS NOT NULL;
CREATE INDEX credentials_by_issuer ON credentials (issued_by) WHERE issued_by IS NOT NULL;
CREATE TABLE conversations (
    conversation_pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    title TEXT,
    metadata TEXT,
    runless INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, listed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project_id, id)
  );
CREATE INDEX conversations_runless ON conversations (project_id, updated_at) WHERE runless = 1;
CREATE TABLE messages (
    message_pk INTEGER PRIMARY KEY,
    conversation_pk INTEGER NOT NULL REFERENCES conversations (conversation_pk),
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    parts TEXT NOT NULL,
    parent_id TEXT,
    metadata TEXT,
    idempotency_key TEXT,
    created_at INTEGER NOT NULL
  );
CREATE INDEX messages_in_order ON messages (conversation_pk, message_pk);
CREATE UNIQUE INDEX messages_by_idempotency_key ON messages (conversation_pk, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE TABLE runs (
    run_pk INTEGER PRIMARY KEY,
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
    created_at INTEGER NOT NULL,
    mode TEXT,
    parent_run_id TEXT,
    root_run_id TEXT NOT NULL,
    trigger_call TEXT,
    source_target TEXT,
    runtime_target TEXT, child TEXT, title TEXT, time_limits TEXT, labels TEXT, batch_id TEXT, limit_name TEXT, concurrency_limit INTEGER, debounce_key TEXT, named_limits TEXT, fairness TEXT, version_policy TEXT,
    UNIQUE (project_id, run_id)
  );
CREATE INDEX runs_by_project ON runs (project_id, run_pk);
CREATE INDEX runs_by_agent ON runs (project_id, agent_id, run_pk);
CREATE INDEX runs_by_conversation ON runs (conversation_id, run_pk);
CREATE TABLE inputs (
    run_pk INTEGER NOT NULL,
    input INTEGER NOT NULL,
    since INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    public_id TEXT,
    fingerprint TEXT,
    submission TEXT,
    snapshot TEXT,
    answers TEXT,
    PRIMARY KEY (run_pk, input)
  ) WITHOUT ROWID;
CREATE UNIQUE INDEX inputs_by_public_id ON inputs (project_id, public_id) WHERE public_id IS NOT NULL;
CREATE TABLE sessions (
    run_pk INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    session_kind TEXT NOT NULL,
    session_worker_id TEXT,
    session_key TEXT NOT NULL,
    session_status TEXT NOT NULL,
    session_metadata TEXT,
    session_created_at INTEGER NOT NULL,
    session_updated_at INTEGER NOT NULL,
    session_ended_at INTEGER
  );
CREATE TABLE events (
    run_pk INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    sequence INTEGER,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (run_pk, event_id)
  ) WITHOUT ROWID;
CREATE TABLE queue (
    run_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    lane TEXT,
    gate INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    latest_event_id INTEGER NOT NULL,
    latest_sequence INTEGER NOT NULL,
    log_state TEXT,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    agent_id TEXT NOT NULL,
    implementation_kind TEXT,
    worker_key TEXT,
    priority INTEGER NOT NULL,
    past_attempt TEXT
  , children TEXT, budget TEXT, worked_millis INTEGER, start_by INTEGER, limit_name TEXT, placed_at INTEGER, debounce_key TEXT, limits TEXT, place_1 TEXT, place_2 TEXT, place_3 TEXT, placed_at_2 INTEGER, placed_at_3 INTEGER, rank INTEGER NOT NULL DEFAULT 0, place_4 TEXT, placed_at_4 INTEGER, place_5 TEXT, placed_at_5 INTEGER, version TEXT);
CREATE INDEX queue_delayed ON queue (available_at) WHERE gate = 1;
CREATE INDEX queue_in_lane ON queue (project_id, lane, run_pk) WHERE lane IS NOT NULL;
CREATE TABLE leases (
    run_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    lane TEXT,
    gate INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    latest_event_id INTEGER NOT NULL,
    latest_sequence INTEGER NOT NULL,
    log_state TEXT,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    lease_owner TEXT,
    lease_expires_at INTEGER,
    claim_id TEXT,
    claimed_at INTEGER,
    renewals INTEGER,
    renewed_at INTEGER,
    longest_gap INTEGER
  , children TEXT, budget TEXT, worked_millis INTEGER, timeout_at INTEGER, limits TEXT, version TEXT);
CREATE INDEX leases_expiring ON leases (lease_expires_at) WHERE lease_owner IS NOT NULL;
CREATE INDEX leases_by_claim ON leases (claim_id, lease_owner) WHERE claim_id IS NOT NULL;
CREATE INDEX leases_in_lane ON leases (project_id, lane, run_pk) WHERE lane IS NOT NULL;
CREATE TABLE waits (
    run_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    lane TEXT,
    gate INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    latest_event_id INTEGER NOT NULL,
    latest_sequence INTEGER NOT NULL,
    log_state TEXT,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    waiting TEXT NOT NULL,
    waiting_expires_at INTEGER
  , children TEXT, budget TEXT, answers_due INTEGER, worked_millis INTEGER, limits TEXT, version TEXT);
CREATE INDEX waits_expiring ON waits (waiting_expires_at) WHERE waiting_expires_at IS NOT NULL;
CREATE INDEX waits_in_lane ON waits (project_id, lane, run_pk) WHERE lane IS NOT NULL;
CREATE TABLE outcomes (
    run_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    lane TEXT,
    gate INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    latest_event_id INTEGER NOT NULL,
    latest_sequence INTEGER NOT NULL,
    log_state TEXT,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    lease_owner TEXT,
    lease_expires_at INTEGER,
    claim_id TEXT,
    claimed_at INTEGER,
    renewals INTEGER,
    renewed_at INTEGER,
    longest_gap INTEGER,
    status TEXT NOT NULL,
    error TEXT,
    metadata TEXT,
    result TEXT,
    finished_at INTEGER NOT NULL
  , children TEXT, open_children INTEGER, budget TEXT, version TEXT);
CREATE INDEX outcomes_finished ON outcomes (project_id, finished_at);
CREATE TABLE claims (
    run_pk INTEGER NOT NULL,
    lease_epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker_id TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    renewals INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    longest_gap INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    ended TEXT NOT NULL, expires_at INTEGER, project_id TEXT,
    PRIMARY KEY (run_pk, lease_epoch)
  ) WITHOUT ROWID;
CREATE TABLE counter_deltas (
    delta_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    minute INTEGER NOT NULL,
    counters TEXT NOT NULL
  );
CREATE TABLE counter_sums (
    project_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    counters TEXT NOT NULL,
    PRIMARY KEY (project_id, step, starts_at, agent_id)
  ) WITHOUT ROWID;
CREATE INDEX outcomes_by_status ON outcomes (project_id, status, run_pk);
CREATE INDEX runs_by_parent ON runs (project_id, parent_run_id, run_pk) WHERE parent_run_id IS NOT NULL;
CREATE INDEX outcomes_with_children ON outcomes (open_children) WHERE open_children > 0;
CREATE TABLE records (
    run_pk INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (run_pk, event_id)
  ) WITHOUT ROWID;
CREATE INDEX claims_lost ON claims (project_id, ended_at, run_pk, worker_id) WHERE ended = 'lease_expired';
CREATE INDEX waits_asking ON waits (project_id, answers_due, run_pk) WHERE answers_due IS NOT NULL;
CREATE INDEX credentials_by_expiry ON credentials (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX queue_start_by ON queue (start_by) WHERE start_by IS NOT NULL;
CREATE INDEX leases_timeout_at ON leases (timeout_at) WHERE timeout_at IS NOT NULL;
CREATE TABLE schedules (
      schedule_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      source TEXT,
      source_key TEXT,
      next_at INTEGER,
      body TEXT NOT NULL, stale INTEGER NOT NULL DEFAULT 0,
      UNIQUE (project_id, id)
    );
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_by_project ON schedules (project_id, schedule_pk);
CREATE UNIQUE INDEX schedules_by_source ON schedules (project_id, source, source_key)
      WHERE source IS NOT NULL;
CREATE TABLE run_labels (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run_pk INTEGER NOT NULL,
    PRIMARY KEY (project_id, name, value, run_pk)
  ) WITHOUT ROWID;
CREATE TABLE limits (
    limit_pk INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    max_running INTEGER,
    paused INTEGER NOT NULL,
    running INTEGER NOT NULL,
    open INTEGER NOT NULL,
    stale INTEGER NOT NULL,
    behind INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    check_at INTEGER, governs INTEGER NOT NULL DEFAULT 0, rate TEXT, max_pending INTEGER, tat INTEGER NOT NULL DEFAULT 0, fresh INTEGER NOT NULL DEFAULT 0, fresh_open INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project_id, limit_name)
  );
CREATE INDEX limits_due ON limits (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX limits_by_project ON limits (project_id, limit_pk);
CREATE TABLE bulk_operations (
      bulk_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at INTEGER,
      finished_at INTEGER,
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    );
CREATE INDEX bulk_operations_due ON bulk_operations (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX bulk_operations_by_project ON bulk_operations (project_id, bulk_pk);
CREATE INDEX bulk_operations_finished ON bulk_operations (project_id, finished_at)
      WHERE finished_at IS NOT NULL;
CREATE INDEX queue_debounced ON queue (project_id, agent_id, debounce_key, run_pk)
    WHERE debounce_key IS NOT NULL;
CREATE INDEX schedules_stale ON schedules (project_id, schedule_pk) WHERE stale = 1;
CREATE INDEX queue_place_1 ON queue (project_id, place_1, placed_at)
      WHERE place_1 IS NOT NULL;
CREATE INDEX queue_place_2 ON queue (project_id, place_2, placed_at_2)
      WHERE place_2 IS NOT NULL;
CREATE INDEX queue_place_3 ON queue (project_id, place_3, placed_at_3)
      WHERE place_3 IS NOT NULL;
CREATE INDEX limits_governing ON limits (limit_pk) WHERE governs = 1;
CREATE INDEX queue_limited ON queue (project_id, limit_name, priority DESC, rank, run_pk) WHERE gate = 3;
CREATE TABLE flows (
    project_id TEXT NOT NULL,
    ranked_set TEXT NOT NULL,
    priority INTEGER NOT NULL,
    fairness_key TEXT NOT NULL,
    finish INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, ranked_set, priority, fairness_key)
  );
CREATE INDEX flows_by_finish ON flows (project_id, ranked_set, priority, finish);
CREATE INDEX flows_by_age ON flows (project_id, updated_at);
CREATE TABLE "named_limits" (
      project_id TEXT NOT NULL,
      name TEXT NOT NULL,
      max_running INTEGER, rate TEXT, max_pending INTEGER, agent_ids TEXT, key_from TEXT,
      PRIMARY KEY (project_id, name)
    );
CREATE INDEX queue_limited_again ON queue (project_id, limit_name, priority DESC, rank, run_pk)
    WHERE gate = 3 AND lease_epoch > 0;
CREATE INDEX limits_of_projects ON limits (limit_pk) WHERE governs = 2;
CREATE TABLE limit_agents (
    project_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (project_id, agent_id, name)
  );
CREATE INDEX queue_place_4 ON queue (project_id, place_4, placed_at_4) WHERE place_4 IS NOT NULL;
CREATE INDEX queue_place_5 ON queue (project_id, place_5, placed_at_5) WHERE place_5 IS NOT NULL;
CREATE TABLE runlease_outbox (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE DEFAULT (substr(printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), 1, 8) || '-' || substr(printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), 9, 4)
  || '-7' || substr(lower(hex(randomblob(2))), 1, 3)
  || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(lower(hex(randomblob(2))), 1, 3)
  || '-' || lower(hex(randomblob(6)))),
    project TEXT NOT NULL DEFAULT 'default',
    submission TEXT NOT NULL CHECK (json_valid(submission)),
    trace TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
  );
CREATE TABLE runlease_outbox_refused (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    submission TEXT NOT NULL,
    trace TEXT,
    created_at TEXT NOT NULL,
    refused_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    code TEXT NOT NULL,
    message TEXT NOT NULL
  );
CREATE TABLE webhook_endpoints (
      endpoint_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at INTEGER,
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    );
CREATE INDEX webhook_endpoints_by_project ON webhook_endpoints (project_id, endpoint_pk);
CREATE TABLE webhook_deliveries (
      delivery_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      endpoint_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at INTEGER,
      finished_at INTEGER,
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    );
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at, endpoint_id) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_project ON webhook_deliveries (project_id, delivery_pk);
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (project_id, endpoint_id, delivery_pk);
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (project_id, endpoint_id, delivery_pk)
      WHERE status = 'dead';
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (project_id, finished_at)
      WHERE finished_at IS NOT NULL;
CREATE INDEX conversations_listed ON conversations (project_id, updated_at, conversation_pk) WHERE listed = 1;
CREATE TABLE webhook_sources (
      source_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      scheme TEXT NOT NULL,
      next_at INTEGER,
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    );
CREATE INDEX webhook_sources_by_project ON webhook_sources (project_id, source_pk);
CREATE TABLE "workers" (
    worker_pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    implementation_kind TEXT NOT NULL,
    implementation_display_name TEXT,
    worker_key TEXT NOT NULL,
    status TEXT NOT NULL,
    display_name TEXT,
    metadata TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_heartbeat_at INTEGER,
    drain INTEGER NOT NULL DEFAULT 0,
    version TEXT
  );
CREATE INDEX workers_by_heartbeat ON workers (project_id, COALESCE(last_heartbeat_at, -1), worker_pk);
CREATE UNIQUE INDEX workers_by_version
    ON workers (project_id, implementation_kind, worker_key, (COALESCE(version, '')));
CREATE INDEX queue_runnable
    ON queue (project_id, implementation_kind, worker_key, version, priority DESC, rank, run_pk) WHERE gate = 0;
CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, version, priority DESC, rank, run_pk)
    WHERE gate = 0;
CREATE INDEX queue_by_version ON queue (version, project_id) WHERE version IS NOT NULL;
CREATE INDEX leases_by_version ON leases (project_id, version) WHERE version IS NOT NULL;
CREATE INDEX waits_by_version ON waits (project_id, version) WHERE version IS NOT NULL;
CREATE TABLE rollouts (
      rollout_pk INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      agent_id TEXT NOT NULL,
      next_at INTEGER,
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    );
INSERT INTO runlease_migrations (migration_id, name) VALUES
  (1, 'ControlPlane'),
  (2, 'Counters'),
  (3, 'FinishedRuns'),
  (4, 'Children'),
  (5, 'Records'),
  (6, 'Budgets'),
  (7, 'Summaries'),
  (8, 'DrainAndSessions'),
  (9, 'TimeLimits'),
  (10, 'Schedules'),
  (11, 'Labels'),
  (12, 'Limits'),
  (13, 'Bulk'),
  (14, 'Debounce'),
  (15, 'StaleSchedules'),
  (16, 'NamedLimits'),
  (17, 'Fairness'),
  (18, 'Rates'),
  (19, 'LimitScopes'),
  (20, 'SigningKeys'),
  (21, 'Vacuum'),
  (22, 'Outbox'),
  (23, 'Webhooks'),
  (24, 'Conversations'),
  (25, 'WebhookSources'),
  (26, 'Versions'),
  (27, 'Rollouts');
`
