/**
 * Schedules. `body` is the schedule as JSON; the other columns are those that statements look for.
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
    `CREATE TABLE schedules (
      schedule_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      status TEXT NOT NULL,
      source TEXT,
      source_key TEXT,
      next_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    )`,
    `CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL`,
    `CREATE INDEX schedules_by_project ON schedules (project_id, schedule_pk)`,
    `CREATE UNIQUE INDEX schedules_by_source ON schedules (project_id, source, source_key)
      WHERE source IS NOT NULL`,
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
