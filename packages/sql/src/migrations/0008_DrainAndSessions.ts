/**
 * Workers that drain at the request of an operator, and sessions of people in a browser.
 *
 * A session is a credential that expires: `issued_by` is its API key, so it is revoked with that.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" })
  const statements = [
    `ALTER TABLE workers ADD COLUMN drain INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE credentials ADD COLUMN expires_at ${integer}`,
    `CREATE INDEX credentials_by_expiry ON credentials (expires_at) WHERE expires_at IS NOT NULL`,
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
