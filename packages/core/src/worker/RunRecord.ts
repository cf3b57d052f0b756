/**
 * A run that the worker has claimed, and how far it is with it.
 *
 * ```
 *    +-------------------------+  it is handed back, or its lease ends
 *    |                         v
 * Waiting --> Executing --> Writing --> Ended
 *                 |            ^  |       ^
 *                 v            |  +-------+  its lease ends
 *              Stopping -------+
 * ```
 *
 * A run that is executing or stopping holds a slot of the worker. A run waits only where it was claimed ahead.
 */
import type { Effect, Fiber, Tracer } from "effect"
import type { RunContext } from "../executor/Execution.js"
import type { ClaimedRun } from "../model/Run.js"
import type { RenewedLease } from "./LeaseRenewal.js"
import type { Decision } from "./RunConclusion.js"
import type { RunSink, SinkFailure } from "./RunSink.js"
import type { WorkerEvent } from "./WorkerEvent.js"

/** Forks a fiber of a run. It begins after the caller's synchronous code. */
export interface ForkOfRun {
  (effect: Effect.Effect<void, never, RunContext>): Fiber.RuntimeFiber<void>
}

/**
 * `Waiting`: no fiber has begun. `Executing`: the fiber runs the executor, and then writes. `Stopping`: the fiber waits, at most for the grace,
 * until the interrupted executor has ended. `Writing`: the fiber writes the decision to the control plane. `Ended`: no
 * fiber works on the run, save for an executor that ignores its interruption.
 */
export type RunPhase =
  | { readonly _tag: "Waiting" }
  | { readonly _tag: "Executing"; readonly fiber: Fiber.RuntimeFiber<void> }
  | { readonly _tag: "Stopping"; readonly failure: SinkFailure; readonly fiber: Fiber.RuntimeFiber<void> }
  | {
      readonly _tag: "Writing"
      readonly decision: Decision
      readonly fiber: Fiber.RuntimeFiber<void>
      /** Whether the run was cancelled meanwhile. */
      readonly cancelled?: true
    }
  | { readonly _tag: "Ended"; readonly event: WorkerEvent }

export interface RunRecord {
  readonly run: ClaimedRun
  readonly lease: RenewedLease
  readonly sink: RunSink
  /** The span of the attempt, or the submitter's where no tracer is there; absent where there is neither. */
  readonly span: Tracer.AnySpan | undefined
  /** When it was claimed, or has left its wait. On the monotonic clock, in nanoseconds. */
  startedAt: bigint
  readonly fork: ForkOfRun
  phase: RunPhase
}
