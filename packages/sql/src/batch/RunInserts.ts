/** The statements that add runs. */
import type { SqlError } from "@effect/sql/SqlError"
import type { RunRows } from "@runlease/core/store"
import { Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import type { Columns } from "../rows/Columns.js"
import {
  conversationColumns,
  firstInputRow,
  inputColumns,
  type NameRow,
  newConversationRow,
  newRow,
  runColumns,
} from "../rows/RunRow.js"
import * as LabelRows from "./LabelRows.js"
import * as StateWrites from "./StateWrites.js"

/**
 * Inserts the runs in their order, in their states, with the requests and the conversations that are made for them; returns their keys.
 *
 * @category inserting
 */
export const insert = (
  database: Database,
  runs: ReadonlyArray<RunRows.NewRun>,
  now: number,
): Effect.Effect<ReadonlyArray<number>, SqlError> =>
  Effect.gen(function* () {
    const inserted = yield* execute(
      BulkStatements.insert<Columns, NameRow & { readonly run_pk: number }>(
        database,
        "runs",
        runColumns,
        runs.map(newRow),
        "RETURNING run_pk, project_id, run_id",
      ),
    )
    const byName = new Map(
      inserted.map(({ project_id, run_id, run_pk }) => [`${project_id}/${run_id}`, run_pk]),
    )
    const keys = runs.map(({ state: { spec } }) => byName.get(`${spec.projectId}/${spec.runId}`)!)
    const inputs = runs.map((run, index) => firstInputRow(keys[index]!, run))
    const states = runs.map(({ state }, index) => ({ key: keys[index]!, after: state, details: {} }))
    const labels = runs.flatMap(({ details, state: { spec } }, index) =>
      LabelRows.rowsOf(spec.projectId, keys[index]!, details.labels),
    )
    const conversations = runs.flatMap(({ newConversation, state: { spec } }) =>
      newConversation ? [newConversationRow(spec, now)] : [],
    )
    yield* database.dialect.write([
      ...StateWrites.insert(database, states),
      BulkStatements.insert(database, "inputs", inputColumns, inputs),
      ...LabelRows.insert(database, labels),
      ...(conversations.length === 0
        ? []
        : [BulkStatements.insert(database, "conversations", conversationColumns, conversations)]),
    ])
    return keys
  })
