/** Deleting finished runs, the conversations left without any, ended bulk operations, old messages of webhooks and refused rows, a bounded number of rows at a time. */
import type { SqlError } from "@effect/sql/SqlError"
import { ControlPlane, type Ids } from "@runlease/core"
import { WebhookRules } from "@runlease/store"
import { Duration, Effect, Either, Function } from "effect"
import * as RefusedRows from "../outbox/RefusedRows.js"
import * as RecordQueries from "../batch/RecordQueries.js"
import * as CounterQueries from "../batch/CounterQueries.js"
import * as FlowQueries from "../batch/FlowQueries.js"
import * as LimitReads from "../batch/LimitReads.js"
import * as RunDeletion from "../batch/RunDeletion.js"
import { keyRows } from "../batch/RunQueries.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface Batch {
  readonly projectId: Ids.ProjectId
  readonly now: number
  /** Runs that finished by then, and conversations that have not changed since. */
  readonly before: number
  readonly limit: number
}

/** Deletes the counters of periods that are old enough. Returns whether there are more. */
const pruneCounters = (store: SqlStore, { before, projectId }: Batch) =>
  CounterQueries.lockSums(store).pipe(
    Effect.zipRight(CounterQueries.addUp(store)),
    Effect.zipWith(
      CounterQueries.prune(store, projectId, before, RunDeletion.rowsPerCommit),
      (unadded, undeleted) => unadded || undeleted,
    ),
  )

const pruneRuns = Effect.fnUntraced(function* (store: SqlStore, batch: Batch) {
  const { dialect, sql } = store
  const { before, limit, projectId } = batch
  const due =
    yield* sql<RunDeletion.Finished>`SELECT ${sql.literal(RunDeletion.finishedColumns)} FROM outcomes o
    JOIN runs r ON r.run_pk = o.run_pk WHERE o.project_id = ${projectId} AND o.finished_at <= ${before}
      AND NOT ${sql.literal(RunDeletion.isNeeded)}
    ORDER BY o.finished_at LIMIT ${limit + 1} ${dialect.lockFree("r")}`
  const pruned = yield* RunDeletion.some(store, batch, due.slice(0, limit))
  return { pruned, more: due.length > pruned }
})

/** Returns whether there are more. */
const pruneConversations = Effect.fnUntraced(function* (
  store: SqlStore,
  { before, limit, projectId }: Batch,
) {
  const { dialect, sql } = store
  const found = yield* sql<{ readonly conversation_pk: number }>`SELECT c.conversation_pk FROM conversations c
    WHERE c.project_id = ${projectId} AND c.runless = 1 AND c.updated_at <= ${before}
    ORDER BY c.updated_at LIMIT ${limit + 1} ${dialect.lockFree("c")}`
  if (found.length === 0) return false
  const due = found.slice(0, limit).map(({ conversation_pk }) => conversation_pk)
  // Read once they are locked, since no run can be submitted to them from then on.
  const used = new Set(
    (yield* sql<{ readonly conversation_pk: number }>`
      SELECT c.conversation_pk FROM ${keyRows(store, due)} v JOIN conversations c ON c.conversation_pk = v.run_pk
      WHERE EXISTS (SELECT 1 FROM runs r WHERE r.conversation_id = c.id AND r.project_id = ${projectId})`).map(
      ({ conversation_pk }) => conversation_pk,
    ),
  )
  const inUse = keyRows(store, used)
  const emptied = due.filter((key) => !used.has(key))
  const unused = keyRows(store, emptied)
  yield* sql`UPDATE conversations SET runless = 0 WHERE conversation_pk IN (SELECT run_pk FROM ${inUse} v)`
  if (yield* RunDeletion.messages(store, emptied)) {
    yield* sql`DELETE FROM conversations WHERE conversation_pk IN (SELECT run_pk FROM ${unused} v)`
    return found.length > due.length
  }
  // A conversation that is deleted in part is hidden from everyone.
  yield* sql`UPDATE conversations SET id = ${RunDeletion.hiddenId(0)} || conversation_pk, listed = 0
    WHERE conversation_pk IN (SELECT run_pk FROM ${unused} v)`
  return true
})

const pruneOne = (
  store: SqlStore,
  request: ControlPlane.PruneRequest,
  now: number,
): Effect.Effect<Either.Either<ControlPlane.Pruned>, SqlError> =>
  Effect.gen(function* () {
    const batch: Batch = {
      projectId: request.projectId,
      now,
      before: now - Duration.toMillis(request.olderThan),
      limit: Math.min(
        Math.max(1, request.limit ?? ControlPlane.defaultPruneLimit),
        ControlPlane.maxPruneLimit,
      ),
    }
    const { more, pruned } = yield* pruneRuns(store, batch)
    if (more) return Either.right({ pruned, more })
    const conversations = yield* pruneConversations(store, batch)
    const limits = yield* LimitReads.prune(store, request.projectId, RunDeletion.rowsPerCommit)
    const flows = yield* FlowQueries.prune(store, request.projectId, batch.before, RunDeletion.rowsPerCommit)
    const bulk = yield* RecordQueries.pruneBulk(store, request.projectId, batch.before, batch.limit)
    const deliveries = yield* RecordQueries.pruneDeliveries(
      store,
      request.projectId,
      now - WebhookRules.keptMillis,
      batch.limit,
    )
    const rows = yield* RefusedRows.prune(store, request.projectId, batch.before, batch.limit)
    const counters = yield* pruneCounters(store, batch)
    return Either.right({
      pruned,
      more: counters || conversations || limits || bulk || flows || deliveries || rows,
    })
  })

export const make = (store: SqlStore): ControlPlane.ControlPlane["Type"]["prune"] =>
  store.writer.operation<ControlPlane.PruneRequest, ControlPlane.Pruned, ControlPlane.Pruned>({
    name: "ControlPlane.prune",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => pruneOne(store, request, now)),
    answer: Function.identity,
  })
