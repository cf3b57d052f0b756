/**
 * Worker sessions on SQL: one per run.
 *
 * @since 0.1.0
 */
import { Fencing, Ids, Run, type WorkerSession } from "@runlease/core"
import { Effect, Either, Function } from "effect"
import * as RunQueries from "../batch/RunQueries.js"
import { sessionOf, toJson } from "../rows/RunCodec.js"
import { type SessionRow, sessionColumns } from "../rows/RunRow.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface Request {
  readonly projectId: Ids.ProjectId
  readonly lease: Run.LeaseRef
  readonly record: WorkerSession.SessionRecord
  readonly newId: Ids.SessionId
}

type Refusal = Run.RunNotFound | Run.LeaseLost | Run.RunEnded

const columns = { run_pk: "integer", ...sessionColumns } as const

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: SqlStore) => {
  const { sql, dialect, writer } = store

  const record = writer.operation<Request, WorkerSession.WorkerSession, WorkerSession.WorkerSession, Refusal>(
    {
      name: "Runs.recordSession",
      refs: ({ lease: { runId }, projectId }) => [{ projectId, runId }],
      decide: (requests, runs) =>
        Effect.gen(function* () {
          const sessions = yield* RunQueries.readDetails(
            store,
            requests.flatMap(({ projectId, lease: { runId } }) => runs.find({ projectId, runId })?.key ?? []),
          )
          const workers = yield* sql<{ readonly id: string; readonly implementation_kind: string }>`
          SELECT w.id, w.implementation_kind
          FROM ${dialect.rows(
            { id: "text" },
            requests.map(({ lease }) => ({ id: lease.workerId })),
          )} v JOIN workers w ON w.id = v.id`
          const kinds = new Map(workers.map(({ id, implementation_kind }) => [id, implementation_kind]))
          const recorded = new Map<number, SessionRow & { readonly run_pk: number }>()

          const recordOne = ({
            projectId,
            lease,
            record,
            newId,
          }: Request): Either.Either<WorkerSession.WorkerSession, Refusal> => {
            const { runId, workerId } = lease
            const run = runs.find({ projectId, runId })
            if (run === undefined) return Either.left(new Run.RunNotFound({ runId }))
            const held = Fencing.checkFence(run.state, lease, runs.now)
            if (Either.isLeft(held)) return Either.left(held.left)
            const before: Partial<SessionRow> = recorded.get(run.key) ?? sessions.get(run.key)!
            const status = record.status ?? before.session_status ?? "active"
            const session: SessionRow & { readonly run_pk: number } = {
              run_pk: run.key,
              session_id: before.session_id ?? newId,
              session_kind: kinds.get(workerId) ?? "",
              session_worker_id: workerId,
              session_key: record.sessionKey,
              session_status: status,
              session_metadata:
                record.metadata === undefined ? (before.session_metadata ?? null) : toJson(record.metadata),
              session_created_at: before.session_created_at ?? runs.now,
              session_updated_at: runs.now,
              session_ended_at: status === "active" ? null : runs.now,
            }
            recorded.set(run.key, session)
            return Either.right(sessionOf(runId, session)!)
          }

          const verdicts = requests.map(recordOne)
          if (recorded.size > 0) {
            const names = Object.keys(columns)
            // SQLite needs the WHERE to tell the upsert's ON from a join's.
            yield* sql`INSERT INTO sessions (${sql.csv(names)})
            SELECT ${sql.csv(names)} FROM ${dialect.rows(columns, [...recorded.values()])} v WHERE TRUE
            ON CONFLICT (run_pk) DO UPDATE SET
              ${sql.csv(Object.keys(sessionColumns).map((name) => `${name} = excluded.${name}`))}`
          }
          return verdicts
        }),
      answer: Function.identity,
    },
  )

  return (projectId: Ids.ProjectId, lease: Run.LeaseRef, given: WorkerSession.SessionRecord) =>
    Effect.flatMap(Ids.uuidV7, (id) =>
      record({ projectId, lease, record: given, newId: Ids.SessionId.make(id) }),
    )
}
