/**
 * The whole control plane in memory: every port, with the semantics of a durable one. Its state goes when
 * its Scope closes.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Either, Layer, Option, type Scope } from "effect"
import { Access } from "../ports/Access.js"
import { Claims } from "../ports/Claims.js"
import * as ControlPlane from "../ports/ControlPlane.js"
import { Conversations } from "../ports/Conversations.js"
import type * as Ids from "../model/Ids.js"
import * as TokenCache from "../store/TokenCache.js"
import { Leases } from "../ports/Leases.js"
import type { LogTails } from "../store/LogTails.js"
import * as MemoryAccess from "./Access.js"
import * as MemoryClaims from "./Claims.js"
import * as MemoryConversations from "./Conversations.js"
import * as MemoryLeases from "./Leases.js"
import { prune } from "./Prune.js"
import { nextDue, sweep } from "./RunRecords.js"
import * as MemoryRunLog from "./RunLog.js"
import * as MemoryRuns from "./Runs.js"
import * as State from "./State.js"
import * as MemoryWorkerRegistry from "./WorkerRegistry.js"
import type { RunNotFound } from "../model/Run.js"
import { RunLog } from "../ports/RunLog.js"
import { Runs } from "../ports/Runs.js"
import { slowPoll } from "../store/LongPoll.js"
import { WorkerRegistry } from "../ports/WorkerRegistry.js"

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
      sweep(step)
      return Either.right(nextDue(step))
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
  const access = TokenCache.remembering(yield* MemoryAccess.make(state))
  yield* Effect.forkScoped(sweeper(state))
  return ControlPlane.traced(
    Context.make(ControlPlane.ControlPlane, {
      project: (projectId) => portsOf(state, tails, projectId),
      prune: (request) => prune(state, request),
      ready: Effect.void,
    }).pipe(Context.add(Access, access)),
  )
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
