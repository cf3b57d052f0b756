/**
 * Sources of webhooks. `id` is the name of the source, and `body` the source as JSON; the other columns are those that statements look for.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const { id, integer } = sql.onDialectOrElse({
    sqlite: () => ({ id: "INTEGER PRIMARY KEY", integer: "INTEGER" }),
    orElse: () => ({ id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", integer: "BIGINT" }),
  })
  yield* sql.unsafe(`CREATE TABLE webhook_sources (
      source_pk ${id},
      id TEXT NOT NULL,
      project_id TEXT NOT NULL,
      scheme TEXT NOT NULL,
      next_at ${integer},
      body TEXT NOT NULL,
      UNIQUE (project_id, id)
    )`)
  yield* sql.unsafe(`CREATE INDEX webhook_sources_by_project ON webhook_sources (project_id, source_pk)`)
})
