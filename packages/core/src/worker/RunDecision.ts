/**
 * Decides what is written for a run when its execution has ended: an outcome, a hand-back, a suspension, or, after the
 * lease is lost, nothing.
 *
 * @since 0.1.0
 */
import { Array, Cause, DateTime, Duration, Either, Exit, Option, Predicate } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { bytesOf, sizeOf } from "../rules/AppendRules.js"
import * as Interrupt from "../model/Interrupt.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import type { Questions, Waits } from "../executor/Parking.js"
import type { Loss } from "./Lease.js"
import type { Suspension } from "../ports/Leases.js"
import type { ClaimedRun, RunError, TerminalStatus } from "../model/Run.js"
import { maxEventBytes } from "../ports/RunLog.js"
import type { Parked, SinkFailure } from "./RunSink.js"
import type { Outcome } from "../ports/Runs.js"
import type { Resolved } from "./WorkerOptions.js"

/**
 * What the worker writes to the control plane. `waits`: what lets a suspended run go on beside its answers.
 *
 * @since 0.1.0
 * @category models
 */
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

/** The most bytes that an event of interrupts has beside them: ids, names, and expiry times. */
const margin = 8_192

const shorten = (message: string): string =>
  message.length <= maxMessage ? message : `${message.slice(0, maxMessage)}…`

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

/** Suspends for the interrupts, unless they are too large for an event of the log. */
const suspend = (waiting: Suspension, waits?: Waits): Decision => {
  const bytes = sizeOf({ type: "RUN_FINISHED", interrupts: waiting.interrupts.map(Interrupt.toEvent) })
  return bytes + margin > maxEventBytes
    ? fail("event_too_large", `What the run asks is ${bytes} bytes of JSON; an event holds ${maxEventBytes}`)
    : { _tag: "Suspend", waiting, ...(waits === undefined ? {} : { waits }) }
}

/** The first of these interrupts, as many as an event has room for. The next attempt asks the others. */
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
 *
 * @since 0.1.0
 * @category deciding
 */
export const decide = (
  { agentId, attempt, maxAttempts }: Pick<ClaimedRun, "agentId" | "attempt" | "maxAttempts">,
  progressed: boolean,
  options: Resolved,
  exit: Exit.Exit<void, SinkFailure>,
): Decision =>
  Exit.match(exit, {
    onSuccess: () => end("completed"),
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: (failure) =>
          ofFailure({ agentId, number: progressed ? 1 : attempt, of: maxAttempts }, options, failure),
        onNone: () => fail("executor_defect", Cause.pretty(SchemaProblem.causeWithoutValues(cause))),
      }),
  })
