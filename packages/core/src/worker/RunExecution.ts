/**
 * The execution of one claimed run: the fiber of a run, and the effect that it runs.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  Effect,
  FiberId,
  FiberRef,
  FiberRefs,
  HashMap,
  Option,
  Runtime,
  RuntimeFlags,
  type Supervisor,
  Tracer,
} from "effect"
import { Emit } from "../executor/Emit.js"
import type { RunContext } from "../executor/Execution.js"
import * as Executor from "../executor/Executor.js"
import { LeaseDeadline } from "../executor/LeaseDeadline.js"
import { StepLog } from "../executor/StepLog.js"
import type * as Ids from "../model/Ids.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { ForkOfRun, RunRecord } from "./RunRecord.js"
import type { SinkFailure } from "./RunSink.js"

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
  return thrown instanceof Error
    ? Effect.logError("The executor threw", Cause.die(SchemaProblem.withoutValues(thrown)))
    : Effect.void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface RunExecution {
  /**
   * Makes the fork of a run. Its fibers start with the run's span, log annotation, lease deadline, sink and steps already
   * set, so the run pays for no regions that set them. `turns` sees their turns of the event loop.
   */
  readonly forkOf: (
    record: Pick<RunRecord, "run" | "lease" | "sink" | "span">,
    turns: Supervisor.Supervisor<void> | undefined,
  ) => ForkOfRun

  /** Runs the executor into the log of the run. */
  readonly execute: (record: Pick<RunRecord, "run" | "sink">) => Effect.Effect<void, SinkFailure, RunContext>
}

type AnyRef = Parameters<FiberRefs.FiberRefs["locals"]["get"]>[0]

/**
 * Makes the executions of a worker, which run in the context of the caller.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  workerId: Ids.WorkerId,
): Effect.fn.Return<RunExecution, never, Executor.Executor | ProjectPorts> {
  const { execute } = yield* Executor.all
  const annotations = HashMap.set(
    yield* FiberRef.get(FiberRef.currentLogAnnotations),
    "worker_id",
    workerId as unknown,
  )
  const supervisor = yield* FiberRef.get(FiberRef.currentSupervisor)
  // A worker may be made in an uninterruptible region, which its runs are not part of.
  const runtime = Runtime.enableRuntimeFlag(yield* Effect.runtime<ProjectPorts>(), RuntimeFlags.Interruption)

  /** The caller's context with the services of a run, in one copy. */
  const contextOf = ({
    lease,
    sink,
    span,
  }: Pick<RunRecord, "lease" | "sink" | "span">): Context.Context<RunContext> => {
    const services = new Map(runtime.context.unsafeMap)
    services.set(LeaseDeadline.key, lease.deadline)
    services.set(Emit.key, sink)
    services.set(StepLog.key, sink)
    if (span !== undefined) services.set(Tracer.ParentSpan.key, span)
    return Context.unsafeMake(services)
  }

  /** What the fibers of all runs inherit; each has its own values in a copy. */
  const inherited = FiberRefs.forkAs(runtime.fiberRefs, FiberId.unsafeMake()).locals
  const refsOf = (values: ReadonlyMap<AnyRef, unknown>) => (_: FiberRefs.FiberRefs, id: FiberId.Runtime) => {
    const locals = new Map(inherited)
    values.forEach((value, ref) => locals.set(ref, [[id, value]]))
    return FiberRefs.unsafeMake(locals)
  }

  return {
    forkOf: (record, turns) => {
      const { attempt, runId } = record.run
      const context = contextOf(record)
      const values = new Map<AnyRef, unknown>([
        [FiberRef.currentContext, context],
        [
          FiberRef.currentLogAnnotations,
          HashMap.set(HashMap.set(annotations, "run_id", runId), "attempt", attempt),
        ],
      ])
      if (turns !== undefined) values.set(FiberRef.currentSupervisor, supervisor.zip(turns))
      const ofRun = Runtime.make({ ...runtime, context, fiberRefs: FiberRefs.empty() })
      const options = { immediate: false, updateRefs: refsOf(values) }
      return (effect) => Runtime.runFork(ofRun, effect, options)
    },
    execute: ({ run, sink }) => sink.run(execute(run)),
  }
})
