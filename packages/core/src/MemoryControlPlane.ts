/**
 * The whole control plane in memory: every port, with the semantics of a durable one, and nothing kept after
 * its Scope closes.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Either, Layer, Option, type Scope } from "effect"
import { Access } from "./Access.js"
import { Claims } from "./Claims.js"
import * as ControlPlane from "./ControlPlane.js"
import { Conversations } from "./Conversations.js"
import type * as Ids from "./Ids.js"
import * as KnownTokens from "./KnownTokens.js"
import { Leases } from "./Leases.js"
import type { LogTails } from "./LogTails.js"
import * as MemoryAccess from "./memory/Access.js"
import * as MemoryClaims from "./memory/Claims.js"
import * as MemoryConversations from "./memory/Conversations.js"
import * as MemoryLeases from "./memory/Leases.js"
import { prune } from "./memory/Prune.js"
import * as Moves from "./memory/Moves.js"
import * as MemoryRunLog from "./memory/RunLog.js"
import * as MemoryRuns from "./memory/Runs.js"
import * as State from "./memory/State.js"
import * as MemoryWorkerRegistry from "./memory/WorkerRegistry.js"
import type { RunNotFound } from "./Run.js"
import { RunLog } from "./RunLog.js"
import { Runs } from "./Runs.js"
import { slowPoll } from "./Waiting.js"
import { WorkerRegistry } from "./WorkerRegistry.js"

const portsOf = (
  state: State.State,
  tails: LogTails<RunNotFound>,
  projectId: Ids.ProjectId,
): Context.Context<ControlPlane.ProjectPorts> =>
  Context.make(Claims, MemoryClaims.make(state, projectId)).pipe(
    Context.add(Conversations, MemoryConversations.make(state, projectId)),
    Context.add(Leases, MemoryLeases.make(state, projectId)),
    Context.add(RunLog, MemoryRunLog.make(state, tails, projectId)),
    Context.add(Runs, MemoryRuns.make(state, projectId)),
    Context.add(WorkerRegistry, MemoryWorkerRegistry.make(state, projectId)),
  )

/** Sweeps whenever something is due, so that leases lapse and delays end without anybody claiming. */
const sweeper = (state: State.State): Effect.Effect<never> =>
  Effect.gen(function* () {
    const due = yield* State.step(state, (step) => {
      Moves.sweep(step)
      return Either.right(Moves.nextDue(step))
    })
    const now = yield* state.now
    const until = Option.match(due, { onNone: () => slowPoll, onSome: (at) => Duration.millis(at - now) })
    yield* Effect.sleep(Duration.min(until, slowPoll))
  }).pipe(Effect.forever)

/**
 * A control plane in memory, with one project, `default`. Its time is the Clock's, and goes on by the monotonic one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Context.Context<ControlPlane.ControlPlane | Access>,
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const state = yield* State.make
  const tails = yield* MemoryRunLog.makeTails(state)
  const access = KnownTokens.remembering(yield* MemoryAccess.make(state))
  yield* Effect.forkScoped(sweeper(state))
  return Context.make(ControlPlane.ControlPlane, {
    project: (projectId) => portsOf(state, tails, projectId),
    prune: Effect.fn("ControlPlane.prune")((request) => prune(state, request)),
    ready: Effect.void,
  }).pipe(Context.add(Access, access))
})

/**
 * The control plane in memory, and the ports of its project `default`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ControlPlane.ControlPlane | Access | ControlPlane.ProjectPorts> =
  ControlPlane.layerProject().pipe(
    // Project `default` is there from the start, and memory is never unavailable.
    Layer.orDie,
    Layer.provideMerge(Layer.scopedContext(make)),
  )
