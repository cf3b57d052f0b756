/**
 * The worker registry over the state in memory.
 */
import * as Ids from "@runlease/core/Ids"
import {
  cursorOf,
  defaultLimit,
  type InvalidCursor,
  keysOf,
  maxLimit,
  type Page,
  type PageRequest,
} from "@runlease/core/Page"
import {
  nextStatus,
  type RegisteredWorker,
  WorkerNotFound,
  type WorkerRegistry,
} from "@runlease/core/WorkerRegistry"
import { DateTime, Effect, Either } from "effect"
import type { Wakeups } from "../commit/Wakeups.js"
import * as State from "./State.js"

// Paging through lists in memory.

const isAfter = (keys: ReadonlyArray<number>, others: ReadonlyArray<number>): boolean => {
  const first = keys.findIndex((key, index) => key !== others[index])
  return first >= 0 && keys[first]! > others[first]!
}

/** An item and the numbers that its list is ordered by, the least first. */
interface Keyed<A> {
  readonly keys: ReadonlyArray<number>
  readonly item: A
}

/** The page of `items` after the one that the cursor names, which may be gone since. `first` is before all of them. */
export const pageOf = <A>(
  items: ReadonlyArray<Keyed<A>>,
  request: PageRequest | undefined,
  first: ReadonlyArray<number>,
): Either.Either<Page<A>, InvalidCursor> =>
  Either.map(keysOf(request?.cursor, first), (before) => {
    const limit = Math.min(Math.max(1, request?.limit ?? defaultLimit), maxLimit)
    const rest = items.filter(({ keys }) => isAfter(keys, before))
    const page = rest.slice(0, limit)
    return {
      items: page.map(({ item }) => item),
      next: rest.length > limit ? cursorOf(page.at(-1)!.keys) : null,
    }
  })

/** A worker that has sent no heartbeat comes last. */
const heartbeatOf = ({ lastHeartbeatAt }: RegisteredWorker): number =>
  lastHeartbeatAt === null ? -1 : DateTime.toEpochMillis(lastHeartbeatAt)

export const make = (
  state: State.State,
  wakeups: Wakeups,
  projectId: Ids.ProjectId,
): WorkerRegistry["Type"] => {
  const { runs, workers } = State.projectOf(state, projectId)

  const find = (kind: string, key: string, version: string | null): RegisteredWorker | undefined => {
    for (const worker of workers.values()) {
      if (worker.implementationKind !== kind || worker.workerKey !== key) continue
      if (worker.version === version) return worker
    }
    return undefined
  }

  /** How many runs each worker holds; a lapsed lease holds none. */
  const countLeases = (now: number): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>()
    for (const { state: run } of runs.values()) {
      if (run.status !== "running" || run.holder === null || run.holder.expiresAt <= now) continue
      counts.set(run.holder.workerId, (counts.get(run.holder.workerId) ?? 0) + 1)
    }
    return counts
  }

  return {
    register: Effect.fnUntraced(function* (registration) {
      const newId = Ids.WorkerId.make(yield* Ids.uuidV7)
      return yield* State.step(state, ({ at }) => {
        const { implementationKind, version = null, workerKey } = registration
        const before = find(implementationKind, workerKey, version)
        const worker: RegisteredWorker = {
          id: before?.id ?? newId,
          projectId,
          implementationKind,
          implementationDisplayName: registration.implementationDisplayName ?? null,
          workerKey,
          version,
          status: "active",
          drain: false,
          displayName: registration.displayName ?? null,
          metadata: registration.metadata ?? null,
          inFlight: null,
          createdAt: before?.createdAt ?? at,
          updatedAt: at,
          lastHeartbeatAt: before?.lastHeartbeatAt ?? null,
        }
        workers.set(worker.id, worker)
        return Either.right(worker)
      })
    }),

    heartbeat: (workerId, status, metadata) =>
      State.step(state, ({ at }) => {
        const worker = workers.get(workerId)
        if (worker === undefined) return Either.left(new WorkerNotFound({ workerId }))
        const alive = {
          ...worker,
          status: nextStatus(worker.status, status),
          metadata: metadata ?? worker.metadata,
          updatedAt: at,
          lastHeartbeatAt: at,
        }
        workers.set(workerId, alive)
        return Either.right(alive)
      }),

    drain: (workerId, drain) =>
      Effect.zipLeft(
        State.step(state, ({ at }) => {
          const worker = workers.get(workerId)
          if (worker === undefined) return Either.left(new WorkerNotFound({ workerId }))
          const changed = { ...worker, drain, updatedAt: at }
          workers.set(workerId, changed)
          return Either.right(changed)
        }),
        wakeups.signal(workerId, { _tag: "Drain", drain }),
      ),

    list: (page) =>
      Effect.flatMap(state.now, (now) => {
        // Reversed first, so that the newest registration leads among equals: the sort is stable.
        const newest = Array.from(workers.values(), (item, index) => ({
          keys: [-heartbeatOf(item), -index],
          item,
        }))
          .toReversed()
          .sort((a, b) => a.keys[0]! - b.keys[0]!)
        const inFlight = countLeases(now)
        return Effect.map(
          pageOf(newest, page, [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]),
          ({ items, next }) => ({
            items: items.map((worker) =>
              Object.assign({}, worker, { inFlight: inFlight.get(worker.id) ?? 0 }),
            ),
            next,
          }),
        )
      }),
  }
}
