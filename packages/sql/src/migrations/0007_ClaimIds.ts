/**
 * `runs.claim_id` is the id of the claim that gave a run last, when the claim had one: a repeat of the claim finds there
 * what it gave. The index holds only runs under a lease.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE runs ADD COLUMN claim_id TEXT`
  yield* sql`CREATE INDEX runs_by_claim ON runs (claim_id, lease_owner)
    WHERE status = 'running' AND claim_id IS NOT NULL`
})
