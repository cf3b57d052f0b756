/**
 * The key with which a project signs its tokens for browsers, as 64 hex digits. A project without one has made no such token.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.flatMap(SqlClient, (sql) =>
  sql.unsafe("ALTER TABLE projects ADD COLUMN signing_key TEXT"),
)
