/**
 * Labels of runs. `runs.labels` has those of a run as JSON, null for none, and `run_labels` is the index by which lists find runs. `runs.batch_id` is the name of the batch that a run was submitted in.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const tableOf = (integer: string, clustered: string) => `CREATE TABLE run_labels (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run_pk ${integer} NOT NULL,
    PRIMARY KEY (project_id, name, value, run_pk)
  ) ${clustered}`

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const table = sql.onDialectOrElse({
    sqlite: () => tableOf("INTEGER", "WITHOUT ROWID"),
    orElse: () => tableOf("BIGINT", ""),
  })
  const statements = [
    "ALTER TABLE runs ADD COLUMN labels TEXT",
    "ALTER TABLE runs ADD COLUMN batch_id TEXT",
    table,
  ]
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
