/**
 * Rates of limits, and how many runs of a key may be pending.
 *
 * `fresh` and `fresh_open` count the runs of a limit that no worker has had. A server of the version before does not count them, so a rate
 * or a maximum of pending runs is right once all servers are of this version.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

interface Dialect {
  readonly integer: string
  /** Gives each limit of each run of `q` a row, and the name and the place there. */
  readonly places: string
  readonly name: string
  readonly hasPlace: string
  /** Allows a limit with a name without a number of runs. */
  readonly nullable: ReadonlyArray<string>
}

const sqlite: Dialect = {
  integer: "INTEGER",
  places: "json_each(q.limits) p",
  name: "json_extract(p.value, '$.name')",
  hasPlace: "json_extract(p.value, '$.since') IS NOT NULL AND NOT json_extract(p.value, '$.stale')",
  // SQLite cannot change a column.
  nullable: [
    `CREATE TABLE named_limits_next (
      project_id TEXT NOT NULL,
      name TEXT NOT NULL,
      max_running INTEGER,
      PRIMARY KEY (project_id, name)
    )`,
    "INSERT INTO named_limits_next SELECT project_id, name, max_running FROM named_limits",
    "DROP TABLE named_limits",
    "ALTER TABLE named_limits_next RENAME TO named_limits",
  ],
}

const postgres: Dialect = {
  integer: "BIGINT",
  places: "json_array_elements(q.limits::json) p",
  name: "p ->> 'name'",
  hasPlace: "p ->> 'since' IS NOT NULL AND p ->> 'stale' = 'false'",
  nullable: ["ALTER TABLE named_limits ALTER COLUMN max_running DROP NOT NULL"],
}

const statements = ({ hasPlace, integer, name, nullable, places }: Dialect): ReadonlyArray<string> => [
  ...nullable,
  ...["named_limits", "limits"].flatMap((table) => [
    `ALTER TABLE ${table} ADD COLUMN rate TEXT`,
    `ALTER TABLE ${table} ADD COLUMN max_pending ${integer}`,
  ]),
  ...["tat", "fresh", "fresh_open"].map(
    (column) => `ALTER TABLE limits ADD COLUMN ${column} ${integer} NOT NULL DEFAULT 0`,
  ),
  `UPDATE limits SET fresh = counted.fresh, fresh_open = counted.fresh_open FROM (
    SELECT q.project_id, ${name} AS limit_name, COUNT(*) AS fresh, SUM(CASE WHEN ${hasPlace} THEN 1 ELSE 0 END) AS fresh_open
    FROM queue q, ${places} WHERE q.limits IS NOT NULL AND q.lease_epoch = 0 GROUP BY 1, 2
  ) counted WHERE counted.project_id = limits.project_id AND counted.limit_name = limits.limit_name`,

  // Runs that a worker has had need no token, so they are found beside those that do.
  `CREATE INDEX queue_limited_again ON queue (project_id, limit_name, priority DESC, rank, run_pk)
    WHERE gate = 3 AND lease_epoch > 0`,
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = sql.onDialectOrElse({ sqlite: () => statements(sqlite), orElse: () => statements(postgres) })
  yield* Effect.forEach(all, (statement) => sql.unsafe(statement), { discard: true })
})
