/**
 * The inputs that runs have taken since they were submitted, each under a public id of its own.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import { type ControlPlaneUnavailable, type FollowUp, type Ids, Run } from "@runlease/core"
import { Array, Effect } from "effect"
import { execute, select } from "../dialect/ExecuteStatement.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { RunBatch } from "./RunBatch.js"
import { keyRows, refRows, type RunRef } from "./RunQueries.js"
import { eventId } from "../rows/RunCodec.js"
import { runNames, type RunRow, selectedRun } from "../rows/RunRow.js"
import type { SqlStore } from "./SqlStore.js"

const columns = {
  project_id: "text",
  public_id: "text",
  run_pk: "integer",
  since: "integer",
  fingerprint: "text",
} as const

interface InputRow {
  readonly project_id: string
  readonly public_id: Ids.RunId
  readonly run_id: Ids.RunId
  readonly run_pk: number
  readonly since: number
  readonly fingerprint: string
}

/** An input to be added, and the key of its run. */
export interface NewInput {
  readonly projectId: Ids.ProjectId
  readonly runPk: number
  readonly input: FollowUp.TakenInput
}

export const insert = (store: SqlStore, inputs: ReadonlyArray<NewInput>): Statement<object> =>
  BulkStatements.insert(
    store,
    "inputs",
    columns,
    inputs.map(({ input, projectId, runPk }) => ({
      project_id: projectId,
      public_id: input.publicId,
      run_pk: runPk,
      since: input.since,
      fingerprint: input.fingerprint,
    })),
  )

const toInput = ({ fingerprint, public_id, run_id, since }: InputRow): FollowUp.TakenInput => ({
  runId: run_id,
  publicId: public_id,
  since: eventId(since),
  fingerprint,
})

/** Those of these public ids, by their names, and all that these runs have taken, by their keys. */
export const read = Effect.fnUntraced(function* (
  store: SqlStore,
  ids: ReadonlyArray<RunRef>,
  runPks: ReadonlyArray<number>,
) {
  const { dialect, sql } = store
  const rows = (join: Fragment) =>
    execute(sql<InputRow>`SELECT i.project_id, i.public_id, r.run_id, i.run_pk, i.since, i.fingerprint
      FROM ${join} JOIN runs r ON r.run_pk = i.run_pk ORDER BY i.since, i.public_id`)
  const named = yield* rows(
    sql`${dialect.rows(
      { project_id: "text", public_id: "text" },
      ids.map(({ projectId, runId }) => ({ project_id: projectId, public_id: runId })),
    )} v JOIN inputs i ON i.project_id = v.project_id AND i.public_id = v.public_id`,
  )
  const taken = yield* rows(sql`${keyRows(store, new Set(runPks))} v JOIN inputs i ON i.run_pk = v.run_pk`)
  return {
    named: new Map(named.map((row) => [`${row.project_id}/${row.public_id}`, toInput(row)])),
    taken: Array.groupBy(
      taken.map((row) => ({ runPk: row.run_pk, input: toInput(row) })),
      ({ runPk }) => String(runPk),
    ),
  }
})

/** What one run has taken, to look at it only. */
export const ofRun = ({ sql }: SqlStore, { projectId, runId }: RunRef) =>
  Effect.map(
    sql<Pick<InputRow, "public_id" | "since">>`SELECT i.public_id, i.since FROM runs r
      JOIN inputs i ON i.run_pk = r.run_pk
      WHERE r.project_id = ${projectId} AND r.run_id = ${runId} ORDER BY i.since, i.public_id`,
    Array.map(({ public_id, since }) => ({ publicId: public_id, since: eventId(since) })),
  )

const findRunId = (
  { sql }: SqlStore,
  { projectId, runId }: RunRef,
): Effect.Effect<Ids.RunId | undefined, SqlError> =>
  Effect.map(
    sql<Pick<InputRow, "run_id">>`SELECT r.run_id FROM inputs i JOIN runs r ON r.run_pk = i.run_pk
      WHERE i.project_id = ${projectId} AND i.public_id = ${runId}`,
    ([row]) => row?.run_id,
  )

const isNotFound = (error: unknown): error is Run.RunNotFound => error instanceof Run.RunNotFound

/**
 * Uses a run by its id or, where no run has it, by that of an input that a run has taken: only then is it looked for among
 * the inputs.
 */
export const onNamed = <A, E>(
  store: SqlStore,
  operation: string,
  ref: RunRef,
  use: (ref: RunRef) => Effect.Effect<A, E | Run.RunNotFound>,
): Effect.Effect<A, E | Run.RunNotFound | ControlPlaneUnavailable.ControlPlaneUnavailable> =>
  Effect.catchIf(use(ref), isNotFound, (error) =>
    Effect.flatMap(store.read(operation, findRunId(store, ref)), (runId) =>
      runId === undefined ? Effect.fail(error) : use({ ...ref, runId }),
    ),
  )

/**
 * Reads runs into the batch, each by its id or by that of an input that it has taken, and gives the ids of the runs by those
 * of the inputs.
 */
export const loadNamed = (
  store: SqlStore,
  runs: RunBatch,
  refs: ReadonlyArray<RunRef>,
): Effect.Effect<ReadonlyMap<string, Ids.RunId>, SqlError> => {
  if (refs.length === 0) return Effect.succeed(new Map())
  const { dialect, sql } = store
  return Effect.map(
    select<RunRow & { readonly named_id: Ids.RunId }>(
      [...runNames, "named_id"],
      sql`SELECT ${sql.literal(selectedRun)}, v.run_id AS named_id FROM ${refRows(store, refs)} v
        LEFT JOIN inputs i ON i.project_id = v.project_id AND i.public_id = v.run_id
        LEFT JOIN runs q ON q.run_pk = i.run_pk
        JOIN runs r ON r.project_id = v.project_id AND r.run_id = COALESCE(q.run_id, v.run_id)
        ${dialect.lock("r", "r.run_pk")}`,
    ),
    (found) => {
      const named = new Map<string, Ids.RunId>()
      for (const { named_id, ...row } of found) {
        runs.add(row)
        if (named_id !== row.run_id) named.set(`${row.project_id}/${named_id}`, row.run_id)
      }
      return named
    },
  )
}
