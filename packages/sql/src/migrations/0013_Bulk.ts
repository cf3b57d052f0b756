/**
 * Bulk operations. `body` is the operation as JSON; the other columns are those that statements look for. `next_at` is the instant of its
 * last part while it runs.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const { id, integer } = sql.onDialectOrElse({
    sqlite: () => ({ id: "INTEGER PRIMARY KEY", integer: "INTEGER" }),
    orElse: () => ({ id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", integer: "BIGINT" }),
  })
  const statements = [
    `CREATE TABLE bulk_operations (
      bulk_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      next_at ${integer},
      finished_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    )`,
    `CREATE INDEX bulk_operations_due ON bulk_operations (next_at) WHERE next_at IS NOT NULL`,
    `CREATE INDEX bulk_operations_by_project ON bulk_operations (project_id, bulk_pk)`,
    `CREATE INDEX bulk_operations_finished ON bulk_operations (project_id, finished_at)
      WHERE finished_at IS NOT NULL`,
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
