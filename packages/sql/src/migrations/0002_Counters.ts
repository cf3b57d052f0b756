/**
 * Counters of runs, and a first count of the runs that are there.
 *
 * `counter_deltas` has what commits have counted; `counter_sums` has it added up by agent: for each minute (`step` 1), each hour
 * (`step` 60), and since ever (`step` 0). Runs that are there count as if they had been pending from their submission to what they
 * are now: how long they waited and ran is not counted.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

interface Syntax {
  readonly id: string
  readonly integer: string
  readonly clustered: string
  /** The function that makes a JSON object as text, of its names and values. */
  readonly object: (...pairs: ReadonlyArray<string>) => string
  /** The code of an error that is JSON. */
  readonly code: string
}

const tables = ({ clustered, id, integer }: Syntax): ReadonlyArray<string> => [
  `CREATE TABLE counter_deltas (
    delta_pk ${id},
    project_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    minute ${integer} NOT NULL,
    counters TEXT NOT NULL
  )`,
  `CREATE TABLE counter_sums (
    project_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    starts_at ${integer} NOT NULL,
    agent_id TEXT NOT NULL,
    counters TEXT NOT NULL,
    PRIMARY KEY (project_id, step, starts_at, agent_id)
  ) ${clustered}`,
]

/** Counts rows `counted` by project, agent and minute; `name` is one more part of the group. */
const count = (counted: string, name: string, at: string, counters: string): string =>
  `INSERT INTO counter_deltas (project_id, agent_id, minute, counters)
    SELECT project_id, agent_id, minute, ${counters} FROM (
      SELECT r.project_id, r.agent_id, ${at} - ${at} % 60000 AS minute, ${name} AS name, count(*) AS n
      FROM ${counted} GROUP BY 1, 2, 3, 4
    ) groups`

const counts = ({ code, object }: Syntax): ReadonlyArray<string> => [
  count(
    "runs r LEFT JOIN outcomes o ON o.run_pk = r.run_pk WHERE COALESCE(o.status, '') <> 'pruned'",
    "''",
    "r.created_at",
    object("'submitted'", "n", "'status.pending'", "n"),
  ),
  count(
    "leases l JOIN runs r ON r.run_pk = l.run_pk",
    "''",
    "COALESCE(l.started_at, l.updated_at)",
    object("'status.pending'", "-n", "'status.running'", "n"),
  ),
  count(
    "waits w JOIN runs r ON r.run_pk = w.run_pk",
    "''",
    "w.updated_at",
    object("'status.pending'", "-n", "'status.waiting'", "n"),
  ),
  count(
    "outcomes o JOIN runs r ON r.run_pk = o.run_pk WHERE o.status <> 'pruned'",
    "o.status",
    "o.finished_at",
    object("'status.pending'", "-n", "'status.' || name", "n", "'ended.' || name", "n"),
  ),
  count(
    "outcomes o JOIN runs r ON r.run_pk = o.run_pk WHERE o.status = 'failed'",
    `COALESCE(substr(${code}, 1, 100), '')`,
    "o.finished_at",
    object("'failure.' || name", "n"),
  ),
]

/** Rows come and go with every commit, so the table is vacuumed by how many. */
const vacuumed = `ALTER TABLE counter_deltas SET (autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0)`

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const all = (syntax: Syntax) => [...tables(syntax), ...counts(syntax)]
  const statements = sql.onDialectOrElse({
    sqlite: () =>
      all({
        id: "INTEGER PRIMARY KEY",
        integer: "INTEGER",
        clustered: "WITHOUT ROWID",
        object: (...pairs) => `json_object(${pairs.join(", ")})`,
        code: "(o.error ->> '$.code')",
      }),
    orElse: () => [
      ...all({
        id: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        integer: "BIGINT",
        clustered: "",
        object: (...pairs) => `json_build_object(${pairs.join(", ")})::text`,
        code: "(o.error::json ->> 'code')",
      }),
      vacuumed,
    ],
  })
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
