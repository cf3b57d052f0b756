/**
 * One claimed run, from its executor's first event to what is written of it.
 *
 * What is written depends on how it ended: an outcome, a hand-back, a suspension, or, once the lease is lost,
 * nothing at all.
 *
 * @since 0.1.0
 */
import { Cause, Clock, DateTime, Duration, Effect, Exit, Option, Stream, Tracer } from "effect"
import type { ControlPlaneUnavailable } from "./ControlPlaneUnavailable.js"
import { type AwaitToolResult, Executor } from "./Executor.js"
import * as Lease from "./Lease.js"
import { Leases, type Suspension } from "./Leases.js"
import type { ClaimedRun, RunError, TerminalStatus } from "./Run.js"
import type { RunLog } from "./RunLog.js"
import * as RunSink from "./RunSink.js"
import { Runs } from "./Runs.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"

/** What the end of an execution asks the control plane for. */
type Decision =
  | { readonly _tag: "End"; readonly status: TerminalStatus; readonly error: RunError | null }
  | { readonly _tag: "Retry"; readonly error: RunError; readonly delay: Duration.Duration }
  | { readonly _tag: "Suspend"; readonly waiting: Suspension }
  | { readonly _tag: "HandBack" }
  | { readonly _tag: "LeaveAlone"; readonly ended: Lease.LeaseEnded }

const end = (status: TerminalStatus, error: RunError | null = null): Decision => ({
  _tag: "End",
  status,
  error,
})

const maxMessage = 4_000

const shorten = (message: string): string =>
  message.length <= maxMessage ? message : `${message.slice(0, maxMessage)}…`

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

/** How long an interrupt of AG-UI waits, when its `expiresAt` tells; one that is over already still gets a second. */
const waitOf = (expiresAt: unknown, now: number): Pick<Suspension, "expiresAfter"> =>
  Option.match(DateTime.make(text(expiresAt) ?? ""), {
    onNone: () => ({}),
    onSome: ({ epochMillis }) => ({ expiresAfter: Math.max(1000, epochMillis - now) }),
  })

/** How the executor's own last event says that the run ends. */
const ofEvent = (event: RunSink.EndedByEvent["event"], now: number): Decision => {
  if (event.type === "RUN_ERROR") {
    return end("failed", {
      code: text(event["code"]),
      message: shorten(text(event["message"]) ?? "The executor reported an error"),
    })
  }
  const outcome = event["outcome"] as
    | { readonly type?: unknown; readonly interrupts?: ReadonlyArray<Record<string, unknown>> }
    | undefined
  if (outcome?.type === "cancelled") return end("cancelled")
  if (outcome?.type !== "interrupt") return end("completed")
  const interrupt = Array.isArray(outcome.interrupts) ? outcome.interrupts[0] : undefined
  const toolCallId = text(interrupt?.["toolCallId"]) ?? text(interrupt?.["id"])
  return toolCallId === null
    ? end("failed", {
        code: "bad_event",
        message: "RUN_FINISHED with outcome interrupt names no interrupt",
      })
    : {
        _tag: "Suspend",
        waiting: {
          toolCallId,
          toolName: text(interrupt?.["reason"]) ?? "interrupt",
          ...waitOf(interrupt?.["expiresAt"], now),
        },
      }
}

const ofFailure = (
  run: ClaimedRun,
  options: Resolved,
  failure: RunSink.SinkFailure | AwaitToolResult,
  now: number,
): Decision => {
  switch (failure._tag) {
    case "LeaseEnded":
      return failure.reason === "Drained" ? { _tag: "HandBack" } : { _tag: "LeaveAlone", ended: failure }
    case "EndedByEvent":
      return ofEvent(failure.event, now)
    case "AwaitToolResult":
      return {
        _tag: "Suspend",
        waiting: {
          toolCallId: failure.toolCallId,
          toolName: failure.toolName,
          expiresAfter: failure.expiresAfter,
        },
      }
    case "ExecutorError": {
      const error: RunError = { code: failure.code, message: shorten(failure.message) }
      const attempt = run.attempt ?? 1
      const attemptsLeft = run.maxAttempts === null || attempt < run.maxAttempts
      return failure.retryable && attemptsLeft
        ? {
            _tag: "Retry",
            error,
            delay: failure.retryAfter ?? Duration.decode(options.retryDelay(attempt)),
          }
        : end("failed", error)
    }
  }
}

const decide = (
  run: ClaimedRun,
  options: Resolved,
  exit: Exit.Exit<void, RunSink.SinkFailure>,
  now: number,
): Decision =>
  Exit.match(exit, {
    onSuccess: () => end("completed"),
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: (failure) => ofFailure(run, options, failure, now),
        onNone: () => end("failed", { code: "executor_defect", message: shorten(Cause.pretty(cause)) }),
      }),
  })

/** The submitter's span, when the snapshot carries one. */
const withSubmitterSpan =
  (run: ClaimedRun) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const trace = run.snapshot?.traceContext
    return trace === undefined
      ? effect
      : Effect.withParentSpan(
          effect,
          Tracer.externalSpan({
            traceId: trace.traceId,
            spanId: trace.spanId,
            sampled: (trace.traceFlags & 1) === 1,
          }),
        )
  }

/**
 * Executes a run under its lease and writes how it ended. Never fails: what could not be written is told by the event, and
 * the lease's lapse hands the run on.
 *
 * @since 0.1.0
 * @category execution
 */
export const execute = Effect.fnUntraced(function* (
  run: ClaimedRun,
  lease: Lease.Lease,
  options: Resolved,
): Effect.fn.Return<WorkerEvent.WorkerEvent, never, Executor | Leases | RunLog | Runs> {
  const executor = yield* Executor
  const leases = yield* Leases
  const runs = yield* Runs

  const exit = yield* Lease.guardWithin(
    lease,
    options.interruptGrace,
    RunSink.run({
      claimed: run,
      lease,
      events: Stream.suspend(() => executor.execute(run)),
      linger: options.appendLinger,
    }),
  ).pipe(
    Effect.withSpan("Worker.execute", { attributes: { "runlease.run_id": run.runId } }),
    withSubmitterSpan(run),
    Effect.exit,
  )
  const decision = decide(run, options, exit, yield* Clock.currentTimeMillis)

  const untilHeard = <A, E extends { readonly _tag: string }>(
    effect: Effect.Effect<A, E | ControlPlaneUnavailable>,
  ) =>
    Effect.retry(effect, {
      schedule: RunSink.whileUnavailable,
      while: (error) =>
        error._tag === "ControlPlaneUnavailable" && (error as ControlPlaneUnavailable).retryable,
    })

  // A drain lets a write go on, since its outcome is decided; anything else that ends the lease stops it.
  const endedForGood = Effect.catchIf(
    lease.ended,
    (ended) => ended.reason === "Drained",
    () => Effect.never,
  )

  // A verdict against the caller means that the run is somebody else's: the same as a lease lost.
  const underLease = <A, E extends { readonly _tag: string }>(
    effect: Effect.Effect<A, E | ControlPlaneUnavailable>,
  ) =>
    Effect.raceFirst(untilHeard(effect), endedForGood).pipe(
      Effect.mapError((error): Lease.LeaseEnded =>
        error instanceof Lease.LeaseEnded
          ? error
          : new Lease.LeaseEnded({ runId: run.runId, reason: "Lost" }),
      ),
    )

  const finish = (status: TerminalStatus, error: RunError | null) =>
    Effect.map(
      runs.complete(run.runId, { status, ...(error === null ? {} : { error }) }, lease.ref),
      ({ completed }): WorkerEvent.WorkerEvent =>
        WorkerEvent.Ended({ run, status, error, recorded: completed }),
    )

  const written: Effect.Effect<WorkerEvent.WorkerEvent, Lease.LeaseEnded> = Effect.suspend(() => {
    switch (decision._tag) {
      case "End":
        return underLease(finish(decision.status, decision.error))
      case "Retry": {
        const { delay, error } = decision
        const reason = `${error.code ?? "error"}: ${error.message}`
        return underLease(leases.release(lease.ref, { reason, delay, countAttempt: true })).pipe(
          Effect.as(WorkerEvent.Retrying({ run, error, delay })),
        )
      }
      case "Suspend":
        return underLease(
          leases.suspend(lease.ref, decision.waiting).pipe(
            Effect.as(WorkerEvent.Suspended({ run, waiting: decision.waiting })),
            // Where a run cannot be suspended, its next attempt would only come to the same point.
            Effect.catchIf(
              (error) => error._tag === "ControlPlaneUnavailable" && !error.retryable,
              (error) => finish("failed", { code: "suspend_refused", message: error.message }),
            ),
          ),
        )
      case "HandBack":
        return untilHeard(leases.release(lease.ref, { reason: "the worker is shutting down" })).pipe(
          Effect.timeout(options.interruptGrace),
          Effect.match({
            onSuccess: () => WorkerEvent.Released({ run }),
            onFailure: () =>
              WorkerEvent.leaseEnded(run, new Lease.LeaseEnded({ runId: run.runId, reason: "Drained" })),
          }),
        )
      case "LeaveAlone":
        return Effect.fail(decision.ended)
    }
  })

  return yield* Effect.catchAll(written, (ended) => Effect.succeed(WorkerEvent.leaseEnded(run, ended)))
})
