/**
 * Limits of projects, limits with names that are of all runs of some agents, and the places of a run at two limits more.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"

const statements = (integer: string): ReadonlyArray<string> => [
  // `governs`: 2 where it is of all runs of a project.
  "CREATE INDEX limits_of_projects ON limits (limit_pk) WHERE governs = 2",

  "ALTER TABLE named_limits ADD COLUMN agent_ids TEXT",
  "ALTER TABLE named_limits ADD COLUMN key_from TEXT",
  // The agents of `agent_ids`, for a submission.
  `CREATE TABLE limit_agents (
    project_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (project_id, agent_id, name)
  )`,

  ...[4, 5].flatMap((at) => [
    `ALTER TABLE queue ADD COLUMN place_${at} TEXT`,
    `ALTER TABLE queue ADD COLUMN placed_at_${at} ${integer}`,
    `CREATE INDEX queue_place_${at} ON queue (project_id, place_${at}, placed_at_${at}) WHERE place_${at} IS NOT NULL`,
  ]),
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient
  const integer = sql.onDialectOrElse({ sqlite: () => "INTEGER", orElse: () => "BIGINT" })
  yield* Effect.forEach(statements(integer), (statement) => sql.unsafe(statement), { discard: true })
})
