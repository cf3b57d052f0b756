/**
 * Webhooks: endpoints, and the messages to them. `body` is the endpoint or the message as JSON; the other columns are those that statements
 * look for. `next_at` of a message is when it is sent next, or when the claim of its sender ends.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const { id, integer, often } = sql.onDialectOrElse({
    sqlite: () => ({ id: "INTEGER PRIMARY KEY", integer: "INTEGER", often: "" }),
    // Each message is written a few times and changes its places in the indexes.
    orElse: () => ({
      id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
      integer: "BIGINT",
      often:
        "WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)",
    }),
  })
  const statements = [
    `CREATE TABLE webhook_endpoints (
      endpoint_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    )`,
    `CREATE INDEX webhook_endpoints_by_project ON webhook_endpoints (project_id, endpoint_pk)`,
    `CREATE TABLE webhook_deliveries (
      delivery_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      endpoint_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at ${integer},
      finished_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    ) ${often}`,
    `CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at, endpoint_id) WHERE next_at IS NOT NULL`,
    `CREATE INDEX webhook_deliveries_by_project ON webhook_deliveries (project_id, delivery_pk)`,
    `CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (project_id, endpoint_id, delivery_pk)`,
    `CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (project_id, endpoint_id, delivery_pk)
      WHERE status = 'dead'`,
    `CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (project_id, finished_at)
      WHERE finished_at IS NOT NULL`,
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
