/** The session of a run with its worker: one per run, recorded by its holder. */
import type * as Ids from "@runlease/core/Ids"
import { type LeaseLost, type LeaseRef, type RunEnded, RunNotFound } from "@runlease/core/Run"
import type { SessionRecord, WorkerSession } from "@runlease/core/WorkerSession"
import { DateTime, Effect, Either, Function } from "effect"
import { checkFence } from "../rules/Transition.js"
import type { RunOperation } from "../commit/RunCommits.js"
import type { RunKey } from "../rows/RunRows.js"

interface Request {
  readonly projectId: Ids.ProjectId
  readonly lease: LeaseRef
  readonly record: SessionRecord
  /** The kind of the worker. */
  readonly implementationKind: string
  /** The id of the session, if the run has none yet. */
  readonly newId: Ids.SessionId
}

const after = (
  before: WorkerSession | null,
  { implementationKind, lease, newId, record }: Request,
  at: DateTime.Utc,
): WorkerSession => {
  const status = record.status ?? before?.status ?? "active"
  return {
    id: before?.id ?? newId,
    runId: lease.runId,
    implementationKind,
    workerId: lease.workerId,
    sessionKey: record.sessionKey,
    status,
    metadata: record.metadata === undefined ? (before?.metadata ?? null) : record.metadata,
    createdAt: before?.createdAt ?? at,
    updatedAt: at,
    endedAt: status === "active" ? null : at,
  }
}

export const operation = <X>(): RunOperation<
  Request,
  WorkerSession,
  WorkerSession,
  RunNotFound | LeaseLost | RunEnded,
  X
> => ({
  name: "Runs.recordSession",
  refs: ({ lease: { runId }, projectId }) => [{ projectId, runId }],
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const found = requests.flatMap(
        ({ lease: { runId }, projectId }) => batch.find({ projectId, runId }) ?? [],
      )
      const sessions = new Map<RunKey, WorkerSession | null>()
      for (const [key, { session }] of yield* batch.rows.details(found)) sessions.set(key, session)
      const at = DateTime.unsafeMake(batch.now)
      return requests.map((request): Either.Either<WorkerSession, RunNotFound | LeaseLost | RunEnded> => {
        const { runId } = request.lease
        const run = batch.find({ projectId: request.projectId, runId })
        if (run === undefined) return Either.left(new RunNotFound({ runId }))
        return Either.map(checkFence(run.state, request.lease, batch.now), () => {
          const session = after(sessions.get(run.key) ?? null, request, at)
          sessions.set(run.key, session)
          batch.describe(run, { session })
          return session
        })
      })
    }),
  answer: Function.identity,
})
