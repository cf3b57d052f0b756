/**
 * Rollouts. `id` and `agent_id` are the agent, and `body` the rollout as JSON. A server of the version before gives runs without a version to any
 * worker, until it stops.
 *
 * Source: docs/decisions/0160-rollouts.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const { id, integer } = sql.onDialectOrElse({
    sqlite: () => ({ id: "INTEGER PRIMARY KEY", integer: "INTEGER" }),
    orElse: () => ({ id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", integer: "BIGINT" }),
  })
  yield* sql.unsafe(`CREATE TABLE rollouts (
      rollout_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      agent_id TEXT NOT NULL,
      next_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    )`)
})
