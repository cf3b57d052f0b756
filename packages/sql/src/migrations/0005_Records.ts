/**
 * The index of the records of steps, by which a later attempt finds them in a long log.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const tableOf = (integer: string, clustered: string) => `CREATE TABLE records (
    run_pk ${integer} NOT NULL,
    event_id ${integer} NOT NULL,
    PRIMARY KEY (run_pk, event_id)
  ) ${clustered}`

/** The records of the runs that are under way. Versions before this one wrote these two. */
const fill = `INSERT INTO records (run_pk, event_id)
  SELECT e.run_pk, e.event_id FROM events e
  WHERE (e.payload LIKE '{"type":"CUSTOM","name":"runlease.step"%' OR e.payload LIKE '{"type":"CUSTOM","name":"runlease.intent"%')
    AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.run_pk = e.run_pk)`

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const table = sql.onDialectOrElse({
    sqlite: () => tableOf("INTEGER", "WITHOUT ROWID"),
    orElse: () => tableOf("BIGINT", ""),
  })
  yield* Effect.forEach([table, fill], (statement) => sql.unsafe(statement), { discard: true })
})
