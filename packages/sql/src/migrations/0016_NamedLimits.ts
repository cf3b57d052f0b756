/**
 * Limits of agents, and several limits of a run: its limits with its places, and the columns that find the places of each.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = (integer: string, quoted: (column: string) => string): ReadonlyArray<string> => [
  ...["queue", "leases", "waits"].map((table) => `ALTER TABLE ${table} ADD COLUMN limits TEXT`),
  ...[1, 2, 3].map((at) => `ALTER TABLE queue ADD COLUMN place_${at} TEXT`),
  ...[2, 3].map((at) => `ALTER TABLE queue ADD COLUMN placed_at_${at} ${integer}`),

  // A run that was open without a place had lost it.
  `UPDATE queue SET limits = '[{"name":' || ${quoted("limit_name")} ||
      ',"since":' || CASE WHEN gate = 0 THEN CAST(COALESCE(placed_at, updated_at) AS TEXT) ELSE 'null' END ||
      ',"stale":' || CASE WHEN gate = 0 AND placed_at IS NULL THEN 'true' ELSE 'false' END || '}]',
    place_1 = CASE WHEN gate = 0 THEN limit_name END WHERE limit_name IS NOT NULL`,
  "UPDATE queue SET limit_name = NULL WHERE limit_name IS NOT NULL AND gate <> 3",
  ...["leases", "waits"].map(
    (table) => `UPDATE ${table} SET limits =
      (SELECT '[{"name":' || ${quoted("r.limit_name")} || ',"since":null,"stale":false}]' FROM runs r WHERE r.run_pk = ${table}.run_pk)
      WHERE EXISTS (SELECT 1 FROM runs r WHERE r.run_pk = ${table}.run_pk AND r.limit_name IS NOT NULL)`,
  ),

  // `limit_name` is the limit that a run is behind.
  "DROP INDEX queue_open",
  ...[1, 2, 3].map(
    (
      at,
    ) => `CREATE INDEX queue_place_${at} ON queue (project_id, place_${at}, placed_at${at === 1 ? "" : `_${at}`})
      WHERE place_${at} IS NOT NULL`,
  ),

  "ALTER TABLE runs ADD COLUMN named_limits TEXT",
  `CREATE TABLE named_limits (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    max_running ${integer} NOT NULL,
    PRIMARY KEY (project_id, name)
  )`,

  // `governs`: 1 where it is of all runs of an agent.
  "ALTER TABLE limits ADD COLUMN governs INTEGER NOT NULL DEFAULT 0",
  "CREATE INDEX limits_governing ON limits (limit_pk) WHERE governs = 1",
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = sql.onDialectOrElse({
    sqlite: () => statements("INTEGER", (column) => `json_quote(${column})`),
    orElse: () => statements("BIGINT", (column) => `CAST(to_json(${column}) AS TEXT)`),
  })
  yield* Effect.forEach(all, (statement) => sql.unsafe(statement), { discard: true })
})
