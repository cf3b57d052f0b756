/**
 * How the execution of a claimed run ends: by itself, or since it is stopped. Then the worker decides and writes what becomes of the run.
 */
import {
  Cause,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Option,
  Array,
  DateTime,
  Duration,
  Either,
  Predicate,
  Clock,
} from "effect"
import type { RunRecord, RunPhase } from "./RunRecord.js"
import type { SinkFailure, Parked } from "./RunSink.js"
import * as WorkerEvent from "./WorkerEvent.js"
import type { Resolved } from "./WorkerOptions.js"
import type { LogEvent } from "../model/AgentEvent.js"
import { bytesOf, sizeOf } from "../ports/AppendRules.js"
import * as Interrupt from "../model/Interrupt.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import type { Questions, Waits } from "../executor/Parking.js"
import type { Loss } from "./Lease.js"
import type { Suspension, InboxNotEmpty, Leases, Pause, SuspensionRefused } from "../ports/Leases.js"
import type { ClaimedRun, RunError, TerminalStatus, LeaseLost, RunNotFound } from "../model/Run.js"
import { maxEventBytes } from "../ports/RunLog.js"
import type { Outcome } from "../ports/Runs.js"
import { type ControlPlaneError, isControlPlaneError } from "../ports/ControlPlaneError.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { refusal } from "./AppendBuffer.js"

/** Logs an exception of the executor with its stack: a defect, or the error behind an `ExecutorError`. */
export const logThrown = (cause: Cause.Cause<SinkFailure>): Effect.Effect<void> => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  const thrown = failure === undefined ? defect : failure._tag === "ExecutorError" ? failure.cause : undefined
  return thrown instanceof Error
    ? Effect.logError("The executor threw", Cause.die(SchemaProblem.withoutValues(thrown)))
    : Effect.void
}

// Decides what is written for a run when its execution has ended: an outcome, a hand-back, a suspension, or, after the
// lease is lost, nothing.

/** What the worker writes to the control plane. `waits`: what lets a suspended run continue besides its answers. */
export type Decision =
  | { readonly _tag: "End"; readonly outcome: Outcome }
  | { readonly _tag: "Retry"; readonly error: RunError; readonly delay: Duration.Duration }
  | { readonly _tag: "Suspend"; readonly waiting: Suspension; readonly waits?: Waits }
  | { readonly _tag: "Pause"; readonly waits: Waits }
  | { readonly _tag: "HandBack"; readonly error: RunError }
  | { readonly _tag: "LetGo"; readonly loss: "Drained" | "Crowded" }
  | { readonly _tag: "LeaveAlone"; readonly reason: Loss }

const end = (status: TerminalStatus, rest: Pick<Outcome, "metadata" | "result"> = {}): Decision => ({
  _tag: "End",
  outcome: { status, ...rest },
})

const fail = (
  code: string | null,
  message: string,
  { detail, ...rest }: Pick<Outcome, "metadata"> & Pick<RunError, "detail"> = {},
): Decision => ({
  _tag: "End",
  outcome: {
    status: "failed",
    error: { code, message: shorten(message), ...(detail === undefined ? {} : { detail }) },
    ...rest,
  },
})

const maxMessage = 4_000

/** The most bytes that an event of interrupts has besides them: ids, names, and expiry times. */
const margin = 8_192

const shorten = (message: string): string =>
  message.length <= maxMessage ? message : `${message.slice(0, maxMessage)}…`

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

/** Suspends for the interrupts, unless they are too large for an event of the log. */
const suspend = (waiting: Suspension, waits?: Waits): Decision => {
  const bytes = sizeOf({ type: "RUN_FINISHED", interrupts: waiting.interrupts.map(Interrupt.toEvent) })
  return bytes + margin > maxEventBytes
    ? fail(
        "event_too_large",
        `The questions of the run are ${bytes} bytes of JSON; an event holds ${maxEventBytes}`,
      )
    : { _tag: "Suspend", waiting, ...(waits === undefined ? {} : { waits }) }
}

/** The first of these interrupts, as many as an event has room for. The next attempt poses the others. */
const fitting = ([first, ...others]: Interrupt.Interrupts): Interrupt.Interrupts => {
  const bytes = (interrupt: Interrupt.Interrupt) => bytesOf(JSON.stringify(Interrupt.toEvent(interrupt))) + 1
  let room = maxEventBytes - margin - bytes(first)
  return [
    first,
    ...Array.takeWhile(others.slice(0, Interrupt.maxInterrupts - 1), (interrupt) => {
      room -= bytes(interrupt)
      return room >= 0
    }),
  ]
}

/** The questions of several fibers as one suspension. Where their times differ, each interrupt has its own, by the store's clock. */
const together = ([first, ...others]: Array.NonEmptyReadonlyArray<Questions>, now: number): Suspension => {
  const { expiresAfter } = first
  const isSame = Option.getEquivalence(Duration.Equivalence)
  const time = Option.fromNullable(expiresAfter)
  if (others.every((other) => isSame(time, Option.fromNullable(other.expiresAfter)))) {
    return {
      interrupts: fitting(Array.flatMap([first, ...others], ({ interrupts }) => interrupts)),
      expiresAfter,
    }
  }
  const timed = ({ expiresAfter: after, interrupts }: Questions): Interrupt.Interrupts =>
    Array.map(interrupts, (interrupt) =>
      after === undefined || interrupt.expiresAt !== undefined
        ? interrupt
        : { ...interrupt, expiresAt: DateTime.addDuration(DateTime.unsafeMake(now), after) },
    )
  return { interrupts: fitting(Array.flatMap([first, ...others], timed)) }
}

const ofParked = ({ now, waits }: Parked): Decision =>
  Array.isNonEmptyReadonlyArray(waits.questions)
    ? suspend(together(waits.questions, now), waits)
    : { _tag: "Pause", waits }

/** Decides by the executor's own RUN_FINISHED or RUN_ERROR. */
const ofEvent = (agentId: string, event: LogEvent): Decision => {
  const { metadata, outcome, result } = event
  if (metadata != null && !Predicate.isRecord(metadata)) {
    return fail("bad_event", `${event.type} must have an object in \`metadata\``)
  }
  const bytes = sizeOf(event)
  if (bytes > maxEventBytes) {
    const what = result == null ? event.type : `The result of agent ${agentId}`
    return fail(
      "event_too_large",
      `${what} is ${bytes} bytes of JSON; an event has room for ${maxEventBytes}`,
    )
  }
  const rest = metadata == null ? {} : { metadata }
  if (event.type === "RUN_ERROR") {
    return fail(text(event["code"]), text(event["message"]) ?? "The executor reported an error", rest)
  }
  const type = Predicate.isRecord(outcome) ? outcome["type"] : undefined
  if (Predicate.isRecord(outcome) && type === "interrupt") {
    return Either.match(Interrupt.fromEvent(outcome["interrupts"]), {
      onLeft: (problem) => fail("bad_event", problem),
      onRight: (interrupts) => suspend({ interrupts }),
    })
  }
  return end(type === "cancelled" ? "cancelled" : "completed", {
    ...rest,
    ...(result == null ? {} : { result }),
  })
}

/** Which attempt this is, `of` how many, and of which agent. One that has recorded a step counts as the first. */
interface Attempt {
  readonly agentId: string
  readonly number: number
  readonly of: number | null
}

const ofFailure = (attempt: Attempt, options: Resolved, failure: SinkFailure): Decision => {
  switch (failure._tag) {
    case "LeaseEnded":
      return failure.reason === "Drained" || failure.reason === "Crowded"
        ? { _tag: "LetGo", loss: failure.reason }
        : { _tag: "LeaveAlone", reason: failure.reason }
    case "EndedByEvent":
      return ofEvent(attempt.agentId, failure.event)
    case "Parked":
      return ofParked(failure)
    case "AwaitAnswers":
      return suspend({ interrupts: failure.interrupts, expiresAfter: failure.expiresAfter })
    case "ExecutorError": {
      const error: RunError = { code: failure.code, message: shorten(failure.message) }
      if (failure.handBack === true) return { _tag: "HandBack", error }
      const { number, of } = attempt
      return failure.retryable && (of === null || number < of)
        ? {
            _tag: "Retry",
            error,
            delay: failure.retryAfter ?? Duration.decode(options.retryDelay(number)),
          }
        : fail(failure.code, failure.message, { detail: failure.detail })
    }
  }
}

/**
 * Decides by how the execution ended. A run whose stream ended without a failure is completed. `progressed`: the attempt has
 * recorded a step.
 */
export const decide = (
  { agentId, attempt, maxAttempts }: Pick<ClaimedRun, "agentId" | "attempt" | "maxAttempts">,
  progressed: boolean,
  options: Resolved,
  exit: Exit.Exit<void, SinkFailure>,
): Decision => {
  if (Exit.isSuccess(exit)) return end("completed")
  return Option.match(Cause.failureOption(exit.cause), {
    onSome: (failure) =>
      ofFailure({ agentId, number: progressed ? 1 : attempt, of: maxAttempts }, options, failure),
    onNone: () => fail("executor_defect", Cause.pretty(SchemaProblem.causeWithoutValues(exit.cause))),
  })
}

export interface RunConclusion {
  /** Continues, in the fiber of a record, where its executor has ended. */
  readonly executed: (record: RunRecord, exit: Exit.Exit<void, SinkFailure>) => Effect.Effect<void>

  /** Stops a run: interrupts its executor, or a write that can no longer succeed. */
  readonly stop: (record: RunRecord, failure: SinkFailure) => void
}

/** `write` writes a decision. `move` changes the phase of a record, and `end` removes it. */
export const make = ({
  end,
  move,
  options,
  write,
}: {
  readonly options: Resolved
  readonly write: (
    record: RunRecord,
    decision: Decision,
  ) => Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure>
  readonly move: (record: RunRecord, phase: RunPhase) => void
  readonly end: (record: RunRecord, event: WorkerEvent.WorkerEvent) => void
}): RunConclusion => {
  /** Writes a decision, or the one that follows from a failure of that. */
  const writeDown = (
    record: RunRecord,
    decision: Decision,
    exit: Exit.Exit<void, SinkFailure>,
  ): Effect.Effect<void> => {
    const written = write(record, decision)
    return Effect.matchCauseEffect(
      Exit.isSuccess(exit) ? written : Effect.zipRight(logThrown(exit.cause), written),
      {
        onSuccess: (event) => {
          const { phase, run } = record
          // A store refuses the write of a cancelled run as that of a lost lease.
          const isCancelled = phase._tag === "Writing" && phase.cancelled === true
          end(
            record,
            isCancelled && event._tag === "LeaseEnded" ? WorkerEvent.leaseEnded(run, "Cancelled") : event,
          )
          return Effect.void
        },
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), {
            onSome: (failure) => conclude(record, Exit.fail(failure)),
            onNone: () => Effect.sync(() => end(record, WorkerEvent.leaseEnded(record.run, "Lost"))),
          }),
      },
    )
  }

  /** Decides by the end of the execution and writes, in the fiber of the record. */
  const conclude = (record: RunRecord, exit: Exit.Exit<void, SinkFailure>): Effect.Effect<void> => {
    const { run, sink, phase } = record
    if (phase._tag === "Ended" || phase._tag === "Waiting") return Effect.void
    const decision = decide(run, sink.progressed(), options, exit)
    move(record, { _tag: "Writing", decision, fiber: phase.fiber })
    return writeDown(record, decision, exit)
  }

  const executed = (record: RunRecord, exit: Exit.Exit<void, SinkFailure>): Effect.Effect<void> =>
    Effect.flatMap(record.sink.settled, () =>
      record.phase._tag === "Executing" ? conclude(record, exit) : Effect.void,
    )

  /** Waits for the executor, which is interrupted, and concludes with the failure of that time. */
  const stopping = (record: RunRecord, executing: Fiber.RuntimeFiber<void>): Effect.Effect<void> =>
    Effect.zipRight(
      Effect.timeoutOption(
        Effect.zipRight(Fiber.await(executing), record.sink.settled),
        options.interruptGrace,
      ),
      Effect.suspend(() =>
        record.phase._tag === "Stopping" ? conclude(record, Exit.fail(record.phase.failure)) : Effect.void,
      ),
    )

  const stop = (record: RunRecord, failure: SinkFailure): void => {
    const { phase } = record
    switch (phase._tag) {
      case "Waiting": {
        const exit = Exit.fail(failure)
        const decision = decide(record.run, false, options, exit)
        const fiber = record.fork(writeDown(record, decision, exit))
        return move(record, { _tag: "Writing", decision, fiber })
      }
      case "Executing": {
        phase.fiber.unsafeInterruptAsFork(FiberId.none)
        record.sink.interrupt()
        const fiber = record.fork(stopping(record, phase.fiber))
        return move(record, { _tag: "Stopping", failure, fiber })
      }
      case "Stopping":
        // Nothing else matters once the lease has ended.
        if (phase.failure._tag !== "LeaseEnded") move(record, { ...phase, failure })
        return
      case "Writing":
        if (failure._tag !== "LeaseEnded" || failure.reason === "Drained") return
        // The write that is in flight may have ended the lease itself: its answer decides.
        if (failure.reason === "Cancelled") record.phase = { ...phase, cancelled: true }
        if (failure.reason !== "Expired") return
        phase.fiber.unsafeInterruptAsFork(FiberId.none)
        return end(record, WorkerEvent.leaseEnded(record.run, failure.reason))
      case "Ended":
        return
    }
  }

  return { executed, stop }
}

// Writes to the control plane what was decided for a run.

/** The waits, as they are now. */
const pauseOf = ({ budget, children, inbox, wakesAt }: Waits): Effect.Effect<Pause> =>
  Effect.map(Clock.currentTimeNanos, (now) => ({
    ...(wakesAt === undefined ? {} : { wakeAfter: Duration.nanos(wakesAt > now ? wakesAt - now : 0n) }),
    ...(children.length === 0 ? {} : { children }),
    ...(inbox === undefined ? {} : { inbox }),
    ...(budget ? { budget } : {}),
  }))

const reasonOf = (error: RunError): string => `${error.code ?? "error"}: ${error.message}`

/** The code of an attempt that could not read a record of its run. */
const unreadable = "step_unreadable"

const lettingGo = {
  Drained: "the worker is shutting down",
  Crowded: "the worker has no free slot for it",
} as const

/**
 * Writes a decision, after the events that the executor left, and returns what has become of the run. `otherVersion`: the version of workers
 * that may read the records of a run, where a worker of it lives.
 *
 * Fails when the log does not take those events, and the run needs another decision.
 */
export const makeWrite =
  (
    leases: Leases["Type"],
    options: Resolved,
    otherVersion: (run: ClaimedRun) => Effect.Effect<string | undefined>,
  ) =>
  (record: RunRecord, decision: Decision): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> => {
    const { lease, run, sink } = record

    // A refusal by the store means that another worker has the run.
    const lost = () => Effect.succeed(WorkerEvent.leaseEnded(run, "Lost"))

    const afterEvents = (
      write: Effect.Effect<
        WorkerEvent.WorkerEvent,
        LeaseLost | RunNotFound | SuspensionRefused | ControlPlaneError
      >,
    ): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> =>
      Effect.zipRight(
        sink.flush,
        Effect.catchAll(retryUnavailable(write), (error) =>
          error._tag === "SuspensionRefused" ? cannotWait(error) : lost(),
        ),
      )

    const handBack = (error: RunError) =>
      afterEvents(
        Effect.as(
          leases.release(lease.ref, { reason: reasonOf(error) }),
          WorkerEvent.Released({ run, error }),
        ),
      )

    /**
     * Only a run that completes must have consumed its messages. Those that it had when it was claimed do not hold it back: an attempt
     * that leaves them would leave them again.
     */
    const takenBy = ({ status }: Outcome) => {
      const consumed = status === "completed" ? sink.consumed() : undefined
      return consumed === undefined ? undefined : Math.max(consumed, run.inbox ?? 0)
    }

    /** A message has come since the executor took the last one: the next attempt continues with it. */
    const again = ({ message }: InboxNotEmpty) =>
      Effect.zipRight(sink.flushAfter, handBack({ code: "inbox_not_empty", message }))

    const end = (outcome: Outcome): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> =>
      Effect.flatMap(sink.flushBefore, (last) =>
        Effect.matchEffect(retryUnavailable(leases.complete(lease.ref, outcome, last, takenBy(outcome))), {
          onFailure: (error) => {
            if (error._tag === "InboxNotEmpty") return again(error)
            return error._tag === "EventRefused" || error._tag === "CursorMismatch" ? refusal(error) : lost()
          },
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
      )

    /** The next attempt of a run that cannot be suspended would come to the same point, so the run fails. */
    const cannotWait = ({ message }: Pick<SuspensionRefused, "message">) =>
      end({ status: "failed", error: { code: "suspend_refused", message } })

    /** A run whose records this worker cannot read goes to workers of another version. */
    const toOtherVersion = (
      error: RunError,
      otherwise: Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure>,
    ): Effect.Effect<WorkerEvent.WorkerEvent, SinkFailure> =>
      Effect.flatMap(otherVersion(run), (version) =>
        version === undefined
          ? otherwise
          : afterEvents(
              Effect.as(
                leases.release(lease.ref, { reason: reasonOf(error), countAttempt: true, version }),
                WorkerEvent.Released({ run, error }),
              ),
            ),
      )

    switch (decision._tag) {
      case "End": {
        const { error } = decision.outcome
        const ended = end(decision.outcome)
        return error?.code === unreadable ? toOtherVersion(error, ended) : ended
      }
      case "Retry": {
        const { delay, error } = decision
        const retried = afterEvents(
          Effect.as(
            leases.release(lease.ref, { reason: reasonOf(error), delay, countAttempt: true }),
            WorkerEvent.Retrying({ run, error, delay }),
          ),
        )
        return error.code === unreadable ? toOtherVersion(error, retried) : retried
      }
      case "Suspend": {
        const { waiting, waits } = decision
        const suspension = Effect.map(
          waits === undefined ? Effect.succeed({}) : pauseOf(waits),
          (pause): Suspension => ({ ...waiting, ...pause }),
        )
        return Effect.zipRight(
          sink.flush,
          Effect.matchEffect(
            retryUnavailable(
              Effect.flatMap(suspension, (requested) =>
                Effect.as(leases.suspend(lease.ref, requested), requested),
              ),
            ),
            {
              onFailure: (error) =>
                isControlPlaneError(error) || error._tag === "SuspensionRefused" ? cannotWait(error) : lost(),
              onSuccess: (requested) => Effect.succeed(WorkerEvent.Suspended({ run, waiting: requested })),
            },
          ),
        )
      }
      case "Pause":
        return afterEvents(
          Effect.flatMap(pauseOf(decision.waits), (pause) =>
            Effect.as(
              // A control plane that cannot suspend a run may be able to delay it.
              Effect.catchTag(leases.suspend(lease.ref, pause), "ControlPlaneUnsupported", (error) =>
                pause.wakeAfter === undefined
                  ? Effect.fail(error)
                  : leases.release(lease.ref, { reason: "it sleeps", delay: pause.wakeAfter }),
              ),
              WorkerEvent.Paused({ run, pause }),
            ),
          ),
        )
      case "HandBack":
        return handBack(decision.error)
      case "LetGo": {
        const { loss } = decision
        return retryUnavailable(leases.release(lease.ref, { reason: lettingGo[loss] })).pipe(
          Effect.timeout(options.interruptGrace),
          Effect.match({
            onSuccess: () => WorkerEvent.Released({ run, error: null }),
            onFailure: () => WorkerEvent.leaseEnded(run, loss),
          }),
        )
      }
      case "LeaveAlone":
        return Effect.succeed(WorkerEvent.leaseEnded(run, decision.reason))
    }
  }
