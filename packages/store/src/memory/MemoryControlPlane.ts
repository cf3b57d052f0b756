/**
 * The whole control plane in memory: every port, with the semantics of a durable one. Its state goes when
 * its Scope closes.
 */
import type { Access } from "@runlease/core/Access"
import {
  type ControlPlane,
  defaultPruneLimit,
  maxPruneLimit,
  type Pruned,
  type PruneRequest,
} from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { Clock, type Context, DateTime, Duration, Effect, Either, Layer, type Scope } from "effect"
import * as RunCommits from "../commit/RunCommits.js"
import * as Wakeups from "../commit/Wakeups.js"
import { bulkOperations, webhookDeliveries } from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as RateRules from "../rules/RateRules.js"
import * as Sealing from "../operations/Sealing.js"
import * as WebhookRules from "../rules/WebhookRules.js"
import * as StoreControlPlane from "../StoreControlPlane.js"
import * as MemoryAccess from "./Access.js"
import * as MemoryConversations from "./Conversations.js"
import * as MemoryCounters from "./MemoryCounters.js"
import * as MemoryFlows from "./MemoryFlows.js"
import * as MemoryReads from "./MemoryReads.js"
import * as MemoryRecords from "./MemoryRecords.js"
import * as MemoryRows from "./MemoryRows.js"
import * as State from "./State.js"
import * as RunDeletion from "./RunDeletion.js"
import * as MemoryWorkerRegistry from "./WorkerRegistry.js"

/** Deletes the conversations that pruning left without runs and that have not changed since `before`. */
const pruneConversations = (project: State.ProjectState, before: number): void => {
  const used = new Set(Array.from(project.runs.values(), ({ state: run }) => run.spec.conversationId))
  for (const id of project.thinned) {
    const updatedAt = project.conversations.get(id)?.conversation.updatedAt
    if (!used.has(id) && updatedAt !== undefined && DateTime.toEpochMillis(updatedAt) > before) continue
    project.thinned.delete(id)
    if (!used.has(id)) project.conversations.delete(id)
  }
}

/** Deletes the bulk operations of a project that ended by an instant. */
const pruneBulk = (state: State.State, projectId: string, before: number): void => {
  const { rows } = MemoryRecords.tableOf(state, bulkOperations)
  for (const { key, record } of rows.values()) {
    const { finishedAt } = record
    if (record.projectId === projectId && finishedAt !== null && finishedAt <= before) rows.delete(key)
  }
}

/** Deletes the messages of webhooks of a project that ended by an instant. */
const pruneDeliveries = (state: State.State, projectId: string, before: number): void => {
  const { rows } = MemoryRecords.tableOf(state, webhookDeliveries)
  for (const { key, record } of rows.values()) {
    const { finishedAt } = record
    if (record.projectId === projectId && finishedAt !== null && finishedAt <= before) rows.delete(key)
  }
}

/** Pruning over the state in memory. */
const prune = (state: State.State, request: PruneRequest): Effect.Effect<Pruned> =>
  State.step(state, ({ now }) => {
    const project = State.projectOf(state, request.projectId)
    const before = now - Duration.toMillis(request.olderThan)
    const limit = Math.min(Math.max(1, request.limit ?? defaultPruneLimit), maxPruneLimit)
    const due = Array.from(project.runs.values()).filter(
      (run) => (run.state.finishedAt ?? Infinity) <= before && !RunDeletion.isNeeded(project, run),
    )
    const pruned = due.slice(0, limit)
    RunDeletion.remove(state, project, pruned, now)
    const more = due.length > pruned.length
    if (!more) {
      pruneConversations(project, before)
      MemoryCounters.prune(project, before)
      for (const usage of project.limits.values()) {
        if (LimitRules.isIdle(usage) && usage.tat <= RateRules.fullBy(now)) project.limits.delete(usage.limit)
      }
      pruneBulk(state, request.projectId, before)
      pruneDeliveries(state, request.projectId, now - WebhookRules.keptMillis)
      MemoryFlows.prune(project, before)
    }
    return Either.right({ pruned: pruned.length, more })
  })

const unreachable = (_operation: string, failure: never): never => failure

const storeOf = (state: State.State): RunStore<never> => ({
  rows: MemoryRows.make(state),
  reads: MemoryReads.make(state),
  transact: (effect) => State.transact(state, effect),
  civilNow: Clock.currentTimeMillis,
  gather: Effect.void,
  unavailable: unreachable,
})

/**
 * A control plane in memory, with one project, `default`. Its time starts at the Clock's, and advances by the monotonic one.
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
      secrets: yield* Sealing.makeEphemeral,
      ready: Effect.void,
    }
    return yield* StoreControlPlane.make(parts, yield* RunCommits.make(runs, wakeups), wakeups)
  },
)

/**
 * The control plane in memory, and the ports of its project `default`.
 */
export const layer: Layer.Layer<StoreControlPlane.Ports> =
  // Memory is never unavailable.
  Layer.orDie(StoreControlPlane.layerOf(make))
