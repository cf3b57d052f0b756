/**
 * The budgets of trees, at their roots.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* Effect.forEach(
    ["queue", "leases", "waits", "outcomes"],
    (table) => sql.unsafe(`ALTER TABLE ${table} ADD COLUMN budget TEXT`),
    { discard: true },
  )
})
