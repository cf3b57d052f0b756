/**
 * `inputs` holds the public ids under which clients have sent later inputs of a run: each names the run, and the event
 * after which the run went on with it. It is only inserted into. A server of the version before prunes runs without knowing
 * it, so the rows go with their run.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.literal(sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" }))
  const clustered = sql.literal(sql.onDialectOrElse({ sqlite: () => "WITHOUT ROWID", orElse: () => "" }))
  yield* sql`CREATE TABLE inputs (
    project_id TEXT NOT NULL,
    public_id TEXT NOT NULL,
    run_pk ${integer} NOT NULL REFERENCES runs (run_pk) ON DELETE CASCADE,
    since ${integer} NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (project_id, public_id)
  ) ${clustered}`
  yield* sql`CREATE INDEX inputs_by_run ON inputs (run_pk)`
})
