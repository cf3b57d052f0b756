/**
 * The execution of one claimed run: the fiber of a run, and the effect that it runs.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  Effect,
  type Fiber,
  FiberRef,
  HashMap,
  Option,
  Runtime,
  RuntimeFlags,
  Tracer,
} from "effect"
import { Executor } from "../executor/Executor.js"
import { LeaseDeadline } from "../executor/LeaseDeadline.js"
import type { ClaimedRun } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { RunRecord } from "./RunRecord.js"
import type { SinkFailure } from "./RunSink.js"

/**
 * Makes the span of a run, under the submitter's span when the snapshot has a trace context.
 *
 * @since 0.1.0
 * @category tracing
 */
export const makeSpan = (run: ClaimedRun): Effect.Effect<Tracer.Span> => {
  const trace = run.snapshot.traceContext
  return Effect.makeSpan("Worker.execute", {
    attributes: { "runlease.run_id": run.runId },
    captureStackTrace: false,
    ...(trace === undefined
      ? {}
      : {
          parent: Tracer.externalSpan({
            traceId: trace.traceId,
            spanId: trace.spanId,
            sampled: (trace.traceFlags & 1) === 1,
          }),
        }),
  })
}

/**
 * Logs an exception of the executor with its stack: a defect, or the error behind an `ExecutorError`.
 *
 * @since 0.1.0
 * @category logging
 */
export const logThrown = (cause: Cause.Cause<SinkFailure>): Effect.Effect<void> => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  const thrown = failure === undefined ? defect : failure._tag === "ExecutorError" ? failure.cause : undefined
  return thrown instanceof Error ? Effect.logError("The executor threw", Cause.die(thrown)) : Effect.void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface RunExecution {
  /**
   * Forks the fiber of a run. It begins after the caller's synchronous code, with the run's span, log annotation and
   * lease deadline already set, so the run pays for no regions that set them.
   */
  readonly fork: (
    record: Pick<RunRecord, "run" | "lease" | "span">,
    effect: Effect.Effect<void, never, ProjectPorts>,
  ) => Fiber.RuntimeFiber<void>

  /** Runs the executor into the log of the run. */
  readonly execute: (
    record: Pick<RunRecord, "run" | "sink">,
  ) => Effect.Effect<void, SinkFailure, ProjectPorts>
}

/**
 * Makes executions that run in the context of the caller.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<RunExecution, never, Executor | ProjectPorts> = Effect.gen(function* () {
  const executor = yield* Executor
  const annotations = yield* FiberRef.get(FiberRef.currentLogAnnotations)
  // A worker may be made in an uninterruptible region, which its runs are not part of.
  const runtime = Runtime.enableRuntimeFlag(yield* Effect.runtime<ProjectPorts>(), RuntimeFlags.Interruption)

  return {
    fork: ({ lease, run, span }, effect) =>
      Runtime.runFork(
        Runtime.setFiberRef(
          Runtime.updateContext(runtime, (context) =>
            context.pipe(Context.add(Tracer.ParentSpan, span), Context.add(LeaseDeadline, lease.deadline)),
          ),
          FiberRef.currentLogAnnotations,
          HashMap.set(annotations, "run_id", run.runId),
        ),
        effect,
        { immediate: false },
      ),
    execute: ({ run, sink }) => sink.run(executor.execute(run)),
  }
})
