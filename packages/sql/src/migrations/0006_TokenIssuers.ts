/**
 * `credentials.issued_by` is the API key that issued a worker's token: the token is revoked with it. It is null for
 * tokens that are older, and for those of an application that authenticates by itself.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE credentials ADD COLUMN issued_by TEXT`
  yield* sql`CREATE INDEX credentials_by_issuer ON credentials (issued_by) WHERE issued_by IS NOT NULL`
})
