/**
 * One claimed run, from its executor's first event to what is written of it.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  HashMap,
  Option,
  Runtime,
  RuntimeFlags,
  Tracer,
} from "effect"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { type ControlPlaneUnavailable, retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { Executor } from "../executor/Executor.js"
import { detached } from "./Detached.js"
import type { Lease } from "./Lease.js"
import { LeaseDeadline } from "../executor/LeaseDeadline.js"
import { Leases } from "../ports/Leases.js"
import type { ClaimedRun } from "../model/Run.js"
import { type Decision, decide } from "./RunDecision.js"
import { RunLog } from "../ports/RunLog.js"
import * as RunSink from "./RunSink.js"
import type { Outcome } from "../ports/Runs.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

/** A span for the run, under the submitter's when the snapshot carries one. */
const makeSpan = (run: ClaimedRun): Effect.Effect<Tracer.Span> => {
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

/** Logs, with its stack, what an executor threw: a defect, or the error that its failure was made from. */
const logThrown = (cause: Cause.Cause<RunSink.SinkFailure>): Effect.Effect<void> => {
  const defect = Cause.dieOption(cause)
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const thrown =
    failure?._tag === "ExecutorError" ? failure.cause : failure === undefined && Option.getOrUndefined(defect)
  return thrown instanceof Error ? Effect.logError("The executor threw", Cause.die(thrown)) : Effect.void
}

/** Who is told how an execution goes on, once each. */
export interface Listener {
  /** The executor has ended, or is not waited for any more. */
  readonly executed: () => void
  /** How the run ended has been written, or will not be. */
  readonly ended: (event: WorkerEvent.WorkerEvent) => void
}

/**
 * Starts to execute a run under its lease and writes how it ended. What could not be written is told by the event.
 * The effect it gives ends the execution without a word to the control plane.
 */
export interface Execute {
  (run: ClaimedRun, lease: Lease, listener: Listener): Effect.Effect<Effect.Effect<void>>
}

/**
 * Makes what executes runs.
 *
 * A run has one fiber at a time. Where something stops it, such as the end of its lease, another takes its place, which
 * interrupts the first and waits for its finalizers, but at most for the grace: what has not ended by then goes on in
 * the background, unable to reach the run.
 *
 * @since 0.1.0
 * @category execution
 */
export const make = Effect.fnUntraced(function* (
  options: Resolved,
): Effect.fn.Return<Execute, never, Executor | ProjectPorts> {
  const executor = yield* Executor
  const leases = yield* Leases
  const log = yield* RunLog
  const clock = yield* Effect.clock
  const annotations = yield* FiberRef.get(FiberRef.currentLogAnnotations)
  const runtime = Runtime.enableRuntimeFlag(yield* Effect.runtime<ProjectPorts>(), RuntimeFlags.Interruption)

  return Effect.fnUntraced(function* (run, lease, listener) {
    const span = yield* makeSpan(run)
    // What the fibers of a run begin with costs nothing on their way.
    const fork = Runtime.runFork(
      Runtime.setFiberRef(
        Runtime.updateContext(runtime, (context) =>
          context.pipe(
            Context.add(Tracer.ParentSpan, span),
            Context.add(LeaseDeadline, { follow: lease.onDeadline }),
          ),
        ),
        FiberRef.currentLogAnnotations,
        HashMap.set(annotations, "run_id", run.runId),
      ),
    )
    let current: Fiber.RuntimeFiber<WorkerEvent.WorkerEvent> | undefined
    let executing = true
    let execution: Exit.Exit<void, RunSink.SinkFailure> = Exit.void

    const executed = () => {
      if (!executing) return
      executing = false
      listener.executed()
    }

    /** Goes on with other work, whose end is the end of the execution unless it is replaced as well. */
    const become = (work: Effect.Effect<WorkerEvent.WorkerEvent, never, ProjectPorts>) => {
      const fiber = fork(work)
      current = fiber
      fiber.addObserver((exit) => {
        if (current !== fiber) return
        forgetLease()
        executed()
        span.end(clock.unsafeCurrentTimeNanos(), execution)
        listener.ended(
          Exit.getOrElse(exit, (cause) =>
            WorkerEvent.leaseEnded(run, Cause.isInterruptedOnly(cause) ? "Drained" : "Lost"),
          ),
        )
      })
    }

    const stop = (failure: RunSink.SinkFailure) => {
      const stopped = current
      const drained = failure._tag === "LeaseEnded" && failure.reason === "Drained"
      // A drain lets a write go on, since its outcome is decided.
      if (stopped === undefined || (drained && !executing)) return
      const ended = Effect.timeoutOption(Effect.disconnect(Fiber.interrupt(stopped)), options.interruptGrace)
      become(Effect.flatMap(Effect.uninterruptible(detached(ended)), () => conclude(Exit.fail(failure))))
    }

    const forgetLease = lease.onEnd(stop)
    const sink = RunSink.make({ log, claimed: run, lease, linger: options.appendLinger, stop })

    const conclude = (exit: Exit.Exit<void, RunSink.SinkFailure>): Effect.Effect<WorkerEvent.WorkerEvent> => {
      execution = exit
      executed()
      const write = written(decide(run, options, exit))
      return Exit.isSuccess(exit) ? write : Effect.zipRight(logThrown(exit.cause), write)
    }

    const written = (decision: Decision): Effect.Effect<WorkerEvent.WorkerEvent> => {
      switch (decision._tag) {
        case "End":
          return end(decision.outcome)
        case "Retry": {
          const { delay, error } = decision
          const reason = `${error.code ?? "error"}: ${error.message}`
          return flushed(
            Effect.as(
              leases.release(lease.ref, { reason, delay, countAttempt: true }),
              WorkerEvent.Retrying({ run, error, delay }),
            ),
          )
        }
        case "Suspend":
          return flushed(
            Effect.as(
              leases.suspend(lease.ref, decision.waiting),
              WorkerEvent.Suspended({ run, waiting: decision.waiting }),
            ).pipe(
              // Where a run cannot be suspended, its next attempt would only come to the same point.
              Effect.catchIf(
                (error) => error._tag === "ControlPlaneUnavailable" && !error.retryable,
                ({ message }) => end({ status: "failed", error: { code: "suspend_refused", message } }),
              ),
            ),
          )
        case "HandBack": {
          const { error } = decision
          if (error !== null) {
            const reason = `${error.code ?? "error"}: ${error.message}`
            return flushed(
              Effect.as(leases.release(lease.ref, { reason }), WorkerEvent.Released({ run, error })),
            )
          }
          return retryUnavailable(leases.release(lease.ref, { reason: "the worker is shutting down" })).pipe(
            Effect.timeout(options.interruptGrace),
            Effect.match({
              onSuccess: () => WorkerEvent.Released({ run, error }),
              onFailure: () => WorkerEvent.leaseEnded(run, "Drained"),
            }),
          )
        }
        case "LeaveAlone":
          return Effect.succeed(WorkerEvent.leaseEnded(run, decision.reason))
      }
    }

    // A verdict against the caller means that the run is somebody else's: the same as a lease lost.
    const lost = () => Effect.succeed(WorkerEvent.leaseEnded(run, "Lost"))

    /** Writes after all that the executor said. */
    const flushed = <E extends { readonly _tag: string }>(
      write: Effect.Effect<WorkerEvent.WorkerEvent, E | ControlPlaneUnavailable>,
    ): Effect.Effect<WorkerEvent.WorkerEvent> =>
      Effect.matchEffect(sink.flush, {
        onFailure: (failure) => conclude(Exit.fail(failure)),
        onSuccess: () => Effect.catchAll(retryUnavailable(write), lost),
      })

    const end = (outcome: Outcome): Effect.Effect<WorkerEvent.WorkerEvent> =>
      Effect.matchEffect(sink.flushBefore, {
        onFailure: (failure) => conclude(Exit.fail(failure)),
        onSuccess: (last) =>
          Effect.matchEffect(retryUnavailable(leases.complete(lease.ref, outcome, last)), {
            onFailure: (refused) =>
              refused._tag === "EventRefused" || refused._tag === "CursorMismatch"
                ? conclude(Exit.fail(RunSink.refusal(refused)))
                : lost(),
            onSuccess: ({ completed }) =>
              Effect.succeed(
                WorkerEvent.Ended({
                  run,
                  status: outcome.status,
                  error: outcome.error ?? null,
                  recorded: completed,
                }),
              ),
          }),
      })

    become(Effect.flatMap(Effect.exit(Effect.suspend(() => sink.run(executor.execute(run)))), conclude))
    return Effect.suspend(() => (current === undefined ? Effect.void : Fiber.interrupt(current)))
  })
})
