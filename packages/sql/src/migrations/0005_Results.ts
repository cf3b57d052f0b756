/**
 * `run_details.result` is what a run gave. `runs.waiting` holds a list of interrupts from here on; what it held before,
 * one tool call, is still read.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`ALTER TABLE run_details ADD COLUMN result TEXT`
})
