/** The workers that a project can count on now. */
import { Chunk, Context, DateTime, Effect, Option, Predicate, Stream } from "effect"
import * as WorkerMetadata from "./WorkerMetadata.js"
import * as WorkerRegistry from "./WorkerRegistry.js"
import * as WorkerState from "./WorkerState.js"

/** Workers beyond these have not been in contact for long, where there are as many. */
const maxWorkers = 1000

const isInContact = (worker: WorkerRegistry.RegisteredWorker, now: DateTime.Utc): boolean => {
  const state = WorkerState.of(worker, now)
  return state !== "gone" && state !== "silent"
}

/** The workers in contact, the newest heartbeat first. */
export const list = Effect.fnUntraced(function* (ports: Context.Context<WorkerRegistry.WorkerRegistry>) {
  const registry = Context.get(ports, WorkerRegistry.WorkerRegistry)
  const now = yield* DateTime.now
  const workers = yield* Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
    Effect.map(
      registry.list({ limit: 100, cursor }),
      ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
    ),
  ).pipe(Stream.take(maxWorkers), Stream.runCollect)
  return Chunk.toReadonlyArray(workers).filter((worker) => isInContact(worker, now))
})

/** What the workers in contact say of themselves, the newest heartbeat first. */
export const metadata = (ports: Context.Context<WorkerRegistry.WorkerRegistry>) =>
  Effect.map(list(ports), (workers) =>
    workers.flatMap((worker) => Option.toArray(WorkerMetadata.of(worker.metadata))),
  )

/** Whether a worker claims runs of the agent. */
export const claims = ({ agents }: WorkerMetadata.WorkerMetadata, agentId: string): boolean =>
  agents === null || agents.some((name) => name === agentId)

/** The forms that workers which claim runs of the agent have of its payload, by their texts: one for all that are equal. */
export const formsOf = (
  workers: ReadonlyArray<WorkerMetadata.WorkerMetadata>,
  agentId: string,
): ReadonlyMap<string, object> =>
  new Map(
    workers.flatMap((worker) => {
      const { forms = {} } = worker
      const form = claims(worker, agentId) && Object.hasOwn(forms, agentId) ? forms[agentId] : undefined
      return Predicate.isObject(form) ? [[JSON.stringify(form), form] as const] : []
    }),
  )
