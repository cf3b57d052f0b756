/**
 * The index of lists of runs that ended in one way, which may be few among many.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.flatMap(
  SqlClient,
  (sql) => sql`CREATE INDEX outcomes_by_status ON outcomes (project_id, status, run_pk)`,
)
