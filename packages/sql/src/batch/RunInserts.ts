/**
 * The statements that add runs.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { RunRows } from "@runlease/core"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type { Columns } from "../rows/Columns.js"
import { newDetailRow, newRow } from "../rows/RunCodec.js"
import { detailColumns, runColumns, type RunRow } from "../rows/RunRow.js"

const detailInsertColumns = {
  run_pk: "integer",
  ...detailColumns,
  answers: "text",
  submission: "text",
  snapshot: "text",
} as const

const conversationColumns = {
  id: "text",
  project_id: "text",
  created_at: "integer",
  updated_at: "integer",
} as const

/**
 * Inserts the runs in their order, with their details and with the conversations that are made for them; returns their keys.
 *
 * @since 0.1.0
 * @category inserting
 */
export const insert = (
  database: Database,
  runs: ReadonlyArray<RunRows.NewRun>,
  now: number,
): Effect.Effect<ReadonlyArray<number>, SqlError> =>
  Effect.gen(function* () {
    const inserted = yield* execute(
      BulkStatements.insert<Columns, Pick<RunRow, "run_pk" | "project_id" | "run_id">>(
        database,
        "runs",
        runColumns,
        runs.map(({ state }) => newRow(state)),
        "RETURNING run_pk, project_id, run_id",
      ),
    )
    const byName = new Map(
      inserted.map(({ project_id, run_id, run_pk }) => [`${project_id}/${run_id}`, run_pk]),
    )
    const keys = runs.map(({ state: { spec } }) => byName.get(`${spec.projectId}/${spec.runId}`)!)
    const details = runs.map(({ details, snapshot, submission }, index) => ({
      ...newDetailRow(details),
      run_pk: keys[index]!,
      answers: "{}",
      submission,
      snapshot: JSON.stringify(snapshot),
    }))
    const conversations = runs.flatMap(({ newConversation, state: { spec } }) =>
      newConversation
        ? [{ id: spec.conversationId, project_id: spec.projectId, created_at: now, updated_at: now }]
        : [],
    )
    yield* database.dialect.write([
      BulkStatements.insert(database, "run_details", detailInsertColumns, details),
      ...(conversations.length === 0
        ? []
        : [BulkStatements.insert(database, "conversations", conversationColumns, conversations)]),
    ])
    return keys
  })
