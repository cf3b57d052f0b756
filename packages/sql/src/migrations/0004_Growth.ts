/**
 * How PostgreSQL's tables grow: rows of `runs` and `run_details` have room for their next versions beside them, and the
 * tables that change with every run are vacuumed by how many rows have changed, not by which part of a long history.
 * A transaction that writes a row of `events`, `run_details` or `sessions` has locked its run, so rows need no checks.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const vacuumed = `autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0`

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql.onDialectOrElse({
    pg: () =>
      Effect.forEach(
        [
          `ALTER TABLE runs SET (fillfactor = 70, ${vacuumed})`,
          `ALTER TABLE run_details SET (fillfactor = 90, ${vacuumed})`,
          `ALTER TABLE sessions SET (fillfactor = 90, ${vacuumed})`,
          `ALTER TABLE events SET (${vacuumed})`,
          `ALTER TABLE events DROP CONSTRAINT events_run_pk_fkey`,
          `ALTER TABLE run_details DROP CONSTRAINT run_details_run_pk_fkey`,
          `ALTER TABLE sessions DROP CONSTRAINT sessions_run_pk_fkey`,
        ],
        (statement) => sql.unsafe(statement),
        { discard: true },
      ),
    orElse: () => Effect.void,
  })
})
