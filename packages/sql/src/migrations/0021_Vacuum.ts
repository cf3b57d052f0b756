/**
 * Tables of PostgreSQL that grow or change with runs, which migrations before have left with the settings of a server: they are vacuumed by
 * how many rows have changed, not by which part of a long history, as the others are.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const tables = ["conversations", "messages", "claims", "records", "run_labels"]

const settings = `autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0`

export default Effect.flatMap(SqlClient, (sql) =>
  sql.onDialectOrElse({
    sqlite: () => Effect.void,
    orElse: () =>
      Effect.forEach(tables, (table) => sql.unsafe(`ALTER TABLE ${table} SET (${settings})`), {
        discard: true,
      }),
  }),
)
