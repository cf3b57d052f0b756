/**
 * The whole control plane in memory: every port, with the semantics of a durable one. Its state goes when
 * its Scope closes.
 */
import type { Access } from "@runlease/core/Access"
import type { ControlPlane, PruneRequest } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { type Context, Effect, Layer, type Scope } from "effect"
import * as RunCommits from "../commit/RunCommits.js"
import * as Wakeups from "../commit/Wakeups.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreControlPlane from "../StoreControlPlane.js"
import * as MemoryAccess from "./Access.js"
import * as MemoryConversations from "./Conversations.js"
import * as MemoryReads from "./MemoryReads.js"
import * as MemoryRows from "./MemoryRows.js"
import { prune } from "./Prune.js"
import * as State from "./State.js"
import * as MemoryWorkerRegistry from "./WorkerRegistry.js"

const unreachable = (_operation: string, failure: never): never => failure

const storeOf = (state: State.State): RunStore<never> => ({
  rows: MemoryRows.make(state),
  reads: MemoryReads.make(state),
  transact: (effect) => State.transact(state, effect),
  gather: Effect.void,
  turns: false,
  isolates: () => true,
  unavailable: unreachable,
})

/**
 * A control plane in memory, with one project, `default`. Its time starts at the Clock's, and advances by the monotonic one.
 *
 * @category constructors
 */
export const make: Effect.Effect<Context.Context<ControlPlane | Access>, never, Scope.Scope> = Effect.gen(
  function* () {
    const state = yield* State.make
    const wakeups = yield* Wakeups.make
    const runs = storeOf(state)
    const parts = {
      runs,
      access: yield* MemoryAccess.make(state),
      registry: (projectId: Ids.ProjectId) => MemoryWorkerRegistry.make(state, wakeups, projectId),
      conversations: (projectId: Ids.ProjectId) => MemoryConversations.make(state, projectId),
      prune: (request: PruneRequest) => prune(state, request),
      ready: Effect.void,
    }
    return yield* StoreControlPlane.make(parts, yield* RunCommits.make(runs, wakeups), wakeups)
  },
)

/**
 * The control plane in memory, and the ports of its project `default`.
 *
 * @category layers
 */
export const layer: Layer.Layer<StoreControlPlane.Ports> =
  // Memory is never unavailable.
  Layer.orDie(StoreControlPlane.layerOf(make))
