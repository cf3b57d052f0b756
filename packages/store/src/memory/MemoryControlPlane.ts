/**
 * The whole control plane in memory: every port, with the semantics of a durable one. Its state goes when
 * its Scope closes.
 */
import { Access } from "@runlease/core/Access"
import * as ControlPlane from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import { Statistics } from "@runlease/core/Statistics"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Context, Effect, Layer, type Scope } from "effect"
import * as RunCommits from "../commit/RunCommits.js"
import * as RunPorts from "../operations/RunPorts.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StatisticsReads from "../observe/StatisticsReads.js"
import * as SummaryReads from "../observe/SummaryReads.js"
import * as Sweeper from "../operations/Sweeper.js"
import * as TokenCache from "../operations/TokenCache.js"
import * as Wakeups from "../commit/Wakeups.js"
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
export const make: Effect.Effect<
  Context.Context<ControlPlane.ControlPlane | Access>,
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const state = yield* State.make
  const wakeups = yield* Wakeups.make
  const store = storeOf(state)
  const commits = yield* RunCommits.make(store, wakeups)
  const runPorts = yield* RunPorts.make(store, commits, wakeups)
  const access = TokenCache.remembering(yield* MemoryAccess.make(state), wakeups)
  yield* Effect.forkScoped(Sweeper.run(store, commits, wakeups))
  return ControlPlane.traced(
    Context.make(ControlPlane.ControlPlane, {
      project: (projectId) => {
        const registry = MemoryWorkerRegistry.make(state, wakeups, projectId)
        return runPorts(projectId).pipe(
          Context.add(Conversations, MemoryConversations.make(state, projectId)),
          Context.add(WorkerRegistry, registry),
          Context.add(Statistics, StatisticsReads.ofProject(store, projectId)),
          Context.add(Summaries, SummaryReads.ofProject(store, projectId, registry)),
        )
      },
      prune: (request) => prune(state, request),
      ready: Effect.void,
    }).pipe(Context.add(Access, access)),
  )
})

/**
 * The control plane in memory, and the ports of its project `default`.
 *
 * @category layers
 */
export const layer: Layer.Layer<ControlPlane.ControlPlane | Access | ControlPlane.StorePorts> =
  ControlPlane.layerProject().pipe(
    // Project `default` is there from the start, and memory is never unavailable.
    Layer.orDie,
    Layer.provideMerge(Layer.scopedContext(make)),
  )
