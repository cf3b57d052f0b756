/**
 * The first unfinished run of a lane is never behind another, whatever its status, so that its end lets the next go.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`UPDATE runs SET gate = 0
    WHERE gate = 2 AND lane IS NOT NULL AND finished_at IS NULL AND NOT EXISTS (
      SELECT 1 FROM runs f
      WHERE f.project_id = runs.project_id AND f.lane = runs.lane AND f.lane IS NOT NULL
        AND f.finished_at IS NULL AND f.run_pk < runs.run_pk
    )`
})
