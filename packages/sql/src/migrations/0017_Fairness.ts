/**
 * Fairness: the rank of a waiting run, and how far the ranks of each key go.
 *
 * The indexes of claims have the rank between the priority and the age. A claim of a server of the version before sorts the runs of its
 * route until that server stops.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = (integer: string): ReadonlyArray<string> => [
  "ALTER TABLE runs ADD COLUMN fairness TEXT",
  `ALTER TABLE queue ADD COLUMN rank ${integer} NOT NULL DEFAULT 0`,

  "DROP INDEX queue_runnable",
  "DROP INDEX queue_runnable_by_agent",
  "DROP INDEX queue_limited",
  `CREATE INDEX queue_runnable
    ON queue (project_id, implementation_kind, worker_key, priority DESC, rank, run_pk) WHERE gate = 0`,
  `CREATE INDEX queue_runnable_by_agent
    ON queue (project_id, agent_id, implementation_kind, worker_key, priority DESC, rank, run_pk) WHERE gate = 0`,
  "CREATE INDEX queue_limited ON queue (project_id, limit_name, priority DESC, rank, run_pk) WHERE gate = 3",

  // A set is what is ordered: the runnable runs of a route, or those behind a limit. The empty key is that of the runs without one.
  `CREATE TABLE flows (
    project_id TEXT NOT NULL,
    ranked_set TEXT NOT NULL,
    priority INTEGER NOT NULL,
    fairness_key TEXT NOT NULL,
    finish ${integer} NOT NULL,
    updated_at ${integer} NOT NULL,
    PRIMARY KEY (project_id, ranked_set, priority, fairness_key)
  )`,
  "CREATE INDEX flows_by_finish ON flows (project_id, ranked_set, priority, finish)",
  "CREATE INDEX flows_by_age ON flows (project_id, updated_at)",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" })
  yield* Effect.forEach(statements(integer), (statement) => sql.unsafe(statement), { discard: true })
})
