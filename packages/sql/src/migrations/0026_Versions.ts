/**
 * The version of a worker, and that of the runs that are pinned to one.
 *
 * Workers of one kind and key are two where their versions differ. The indexes of claims have the version after the key. A server of the
 * version before hands pinned runs to any worker, and sorts the runs of a route, until it stops.
 *
 * Source: docs/decisions/0156-worker-versions.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const states = ["queue", "leases", "waits", "outcomes"]

const workerColumns = `worker_pk, id, project_id, implementation_kind, implementation_display_name, worker_key, status, display_name,
  metadata, created_at, updated_at, last_heartbeat_at, drain`

/** SQLite cannot drop the constraint that one kind and key is one worker, so it makes the table anew. */
const sqliteWorkers = [
  `CREATE TABLE versioned_workers (
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
  )`,
  `INSERT INTO versioned_workers (${workerColumns}) SELECT ${workerColumns} FROM workers`,
  "DROP TABLE workers",
  "ALTER TABLE versioned_workers RENAME TO workers",
  "CREATE INDEX workers_by_heartbeat ON workers (project_id, COALESCE(last_heartbeat_at, -1), worker_pk)",
]

const postgresWorkers = [
  "ALTER TABLE workers DROP CONSTRAINT IF EXISTS workers_project_id_implementation_kind_worker_key_key",
  "ALTER TABLE workers ADD COLUMN version TEXT",
]

const statements: ReadonlyArray<string> = [
  `CREATE UNIQUE INDEX workers_by_version
    ON workers (project_id, implementation_kind, worker_key, (COALESCE(version, '')))`,
  "ALTER TABLE runs ADD COLUMN version_policy TEXT",
  ...states.map((table) => `ALTER TABLE ${table} ADD COLUMN version TEXT`),
  "DROP INDEX queue_runnable",
  "DROP INDEX queue_runnable_by_agent",
  `CREATE INDEX queue_runnable
    ON queue (project_id, implementation_kind, worker_key, version, priority DESC, rank, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, version, priority DESC, rank, run_pk)
    WHERE gate = 0`,
  // Each search looks whether it has a run.
  "CREATE INDEX queue_by_version ON queue (version, project_id) WHERE version IS NOT NULL",
  ...["leases", "waits"].map(
    (table) => `CREATE INDEX ${table}_by_version ON ${table} (project_id, version) WHERE version IS NOT NULL`,
  ),
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const workers = sql.onDialectOrElse({ sqlite: () => sqliteWorkers, orElse: () => postgresWorkers })
  yield* Effect.forEach([...workers, ...statements], (statement) => sql.unsafe(statement), { discard: true })
})
