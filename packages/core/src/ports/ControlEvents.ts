/**
 * The events that the control plane writes into a log, so that it reads as valid AG-UI whatever died.
 *
 * Every function returns the whole batch for its occasion, closings of what was open included.
 */
import { DateTime, Predicate, Schema } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as ChildEvent from "../model/ChildEvent.js"
import * as ResumeRules from "./ResumeRules.js"
import { sizeOf } from "./AppendRules.js"
import * as InboxMessage from "../model/InboxMessage.js"
import * as Interrupt from "../model/Interrupt.js"
import * as LogState from "../model/LogState.js"
import type { RunError, Waiting } from "../model/Run.js"
import { type LogEntry, maxEventBytes } from "./RunLog.js"
import type { Outcome } from "./Runs.js"
import * as TokenUsage from "../model/TokenUsage.js"

/** The run a batch is for. */
export interface Subject {
  readonly runId: string
  readonly conversationId: string
}

/** How an attempt ended that gave no outcome. */
export type AttemptEnd = "lease_expired" | "released" | "retry"

/** An attempt that ended without an outcome; `reason` is the holder's own sentence. */
export interface PastAttempt {
  readonly attempt: number
  readonly workerId: string
  readonly ended: AttemptEnd
  readonly reason: string | null
}

export { attemptEventName } from "../model/AgentEvent.js"

/** The name of the CUSTOM event that says that the run continues later, without an answer. */
export const waitingEventName = "runlease.waiting"

/**
 * Whether an event of the control plane marks the end of an attempt whose executor runs again from its beginning: it died, or the run
 * waits for no person.
 */
export const endsAttempt = ({ name, type }: AgentEvent.LogEvent): boolean =>
  type === "CUSTOM" && (name === AgentEvent.attemptEventName || name === waitingEventName)

/** `unfinished`: how many answers of a model the attempt had requested that it neither recorded nor reported. */
const attemptMark = (
  previous: PastAttempt,
  current: { readonly attempt: number; readonly workerId: string } | null,
  unfinished: number,
): AgentEvent.LogEvent =>
  AgentEvent.custom(AgentEvent.attemptEventName, {
    previous: {
      attempt: previous.attempt,
      worker_id: previous.workerId,
      ended: previous.ended,
      ...(previous.reason === null ? {} : { reason: previous.reason }),
    },
    ...(current === null ? {} : { attempt: current.attempt, worker_id: current.workerId }),
    ...(unfinished === 0 ? {} : { unfinished }),
  })

/** What opens a log that is not open; nothing when it is. */
export const opening = (
  { conversationId, runId }: Subject,
  { started }: LogState.LogState,
): ReadonlyArray<AgentEvent.LogEvent> =>
  started ? [] : [{ type: "RUN_STARTED", threadId: conversationId, runId }]

/** At a claim: the start of the log, or the end of the attempt before. */
export const claimed = (
  subject: Subject,
  state: LogState.LogState,
  previous: PastAttempt | null,
  current: { readonly attempt: number; readonly workerId: string },
): ReadonlyArray<AgentEvent.LogEvent> => [
  ...(state.open.length === 0 ? [] : LogState.closings(state)),
  ...opening(subject, state),
  ...(previous === null ? [] : [attemptMark(previous, current, LogState.openRequests(state))]),
]

/** When a run is suspended until it is answered. */
export const suspended = (
  subject: Subject,
  state: LogState.LogState,
  waiting: Waiting,
): ReadonlyArray<AgentEvent.LogEvent> => [
  ...opening(subject, state),
  ...LogState.closings(state),
  withUsage(
    {
      type: "RUN_FINISHED",
      threadId: subject.conversationId,
      runId: subject.runId,
      outcome: {
        type: "interrupt",
        interrupts: waiting.interrupts.map(Interrupt.toEvent),
      },
    },
    state,
  ),
]

/** When a run is suspended for a time, or for children. Its stream continues, so what its attempt has left open is closed. */
export const paused = (
  subject: Subject,
  state: LogState.LogState,
  { budget, children, inbox, wakesAt }: Waiting,
): ReadonlyArray<AgentEvent.LogEvent> => [
  ...opening(subject, state),
  ...LogState.closings(state),
  AgentEvent.custom(waitingEventName, {
    reasons: [
      ...(wakesAt === undefined ? [] : ["sleep"]),
      ...(children === undefined ? [] : ["children"]),
      ...(inbox === undefined ? [] : ["message"]),
      ...(budget === undefined ? [] : ["budget"]),
    ],
    ...(wakesAt === undefined ? {} : { until: DateTime.formatIso(wakesAt) }),
  }),
]

/** When a message is sent to a run. The log of a run that waits for a person's answer is not opened for it. */
export const messageSent = (
  subject: Subject,
  state: LogState.LogState,
  isWaiting: boolean,
  message: InboxMessage.InboxMessage,
): ReadonlyArray<AgentEvent.LogEvent> => [
  ...(isWaiting ? [] : opening(subject, state)),
  InboxMessage.toEvent(message),
]

/** When a run has spawned a child. */
export const spawned = (
  subject: Subject,
  state: LogState.LogState,
  child: ChildEvent.Child & ChildEvent.ChildStep,
): ReadonlyArray<AgentEvent.LogEvent> => [...opening(subject, state), ChildEvent.spawned(child)]

/** The outcome of a run that waits for a child which waits for that run. `circle` names who waits for whom. */
export const childDeadlock = (circle: string): RunError => ({
  code: "child_deadlock",
  message: `None of these runs can go on: ${circle}`,
})

/** Why a run was cancelled whose parent has ended. */
export const parentEnded: RunError = {
  code: "parent_ended",
  message: "The run that spawned it has ended",
}

/** An outcome with its author: who cancelled the run, in words for people. */
export interface AuthoredOutcome extends Outcome {
  readonly by?: string | undefined
}

/** The event that ends a log, without what the outcome adds to it. */
const end = (
  { conversationId, runId }: Subject,
  { by, error, status }: AuthoredOutcome,
): AgentEvent.LogEvent =>
  status === "failed"
    ? {
        type: "RUN_ERROR",
        message: error?.message ?? "The run failed",
        ...(error?.code == null ? {} : { code: error.code }),
      }
    : {
        type: "RUN_FINISHED",
        threadId: conversationId,
        runId,
        outcome: { type: status === "completed" ? "success" : "cancelled" },
        ...(by === undefined ? {} : { by }),
      }

/** An event with these fields, unless they do not fit. */
const extended = (event: AgentEvent.LogEvent, fields: object): AgentEvent.LogEvent => {
  const whole = { ...event, ...fields }
  return sizeOf(whole) > maxEventBytes ? event : whole
}

/** The event that ends a part of a run, with what the log reports of its usage. */
const withUsage = (event: AgentEvent.LogEvent, { usage }: LogState.LogState): AgentEvent.LogEvent =>
  usage === undefined ? event : extended(event, { usage })

/** The event that ends a log, with what the run has used and returned. */
const reported = (
  event: AgentEvent.LogEvent,
  state: LogState.LogState,
  outcome: Outcome,
  lastAttempt: PastAttempt | null,
): AgentEvent.LogEvent => {
  // How many answers have an unknown price, unless the mark of the last attempt says it.
  const unfinished = lastAttempt === null ? LogState.openRequests(state) : 0
  return withOutcome(withUsage(unfinished === 0 ? event : { ...event, unfinished }, state), outcome)
}

const isUsage = Schema.is(Schema.Array(TokenUsage.TokenUsage))

/** The event with metadata and result, unless they do not fit; the run has them in any case. */
const withOutcome = (event: AgentEvent.LogEvent, { metadata, result }: Outcome): AgentEvent.LogEvent => {
  if (metadata == null && result == null) return event
  const usage = Predicate.isRecord(metadata) && isUsage(metadata["usage"]) ? metadata["usage"] : undefined
  return extended(event, {
    ...(result == null || event.type !== "RUN_FINISHED" ? {} : { result }),
    // A remote agent reports no requests, but the sum of what it used.
    ...(usage === undefined || event["usage"] !== undefined ? {} : { usage }),
    ...(metadata == null ? {} : { metadata }),
  })
}

/** The result of a tool call that a cancellation leaves without one. `owner` is its subagent. */
export const cancelledCall = ({
  id,
  owner,
}: {
  readonly id: string
  readonly owner?: string | undefined
}): AgentEvent.AgentEvent => ({
  ...AgentEvent.toolCallFailure(`runlease-result-${id}`, id, "This tool call was cancelled"),
  ...(owner === undefined ? {} : { subagentRunId: owner }),
})

/** Closes the open items of a cancelled run: each tool call without a result gets a failed one. */
const cancellations = (state: LogState.LogState): ReadonlyArray<AgentEvent.LogEvent> => [
  ...(state.unanswered ?? []).map(cancelledCall),
  ...LogState.closings(state).flatMap((closing) =>
    closing.type === "TOOL_CALL_END"
      ? [closing, cancelledCall({ id: String(closing["toolCallId"]) })]
      : [closing],
  ),
]

/** A log that says nothing but that its run has begun. */
const isBare = ({ open, requests, started, unanswered, usage }: LogState.LogState): boolean =>
  started && open.length === 0 && (requests ?? unanswered ?? usage) === undefined

/** When a run ends: `lastAttempt` is the one that ended it without an outcome, if one did. */
export const ended = (
  subject: Subject,
  state: LogState.LogState,
  outcome: AuthoredOutcome,
  lastAttempt: PastAttempt | null = null,
): ReadonlyArray<AgentEvent.LogEvent> => {
  const last = end(subject, outcome)
  if (isBare(state) && (outcome.metadata ?? outcome.result) == null && lastAttempt === null) return [last]
  return [
    ...opening(subject, state),
    ...(outcome.status === "cancelled" ? cancellations(state) : LogState.closings(state)),
    ...(lastAttempt === null ? [] : [attemptMark(lastAttempt, null, LogState.openRequests(state))]),
    reported(last, state, outcome, lastAttempt),
  ]
}

/** The code of a run whose attempts are used up. */
export const exhaustedCode = "attempts_exhausted"

/** The outcome of a run whose attempts are used up. */
export const attemptsExhausted = (maxAttempts: number, last: PastAttempt): RunError => ({
  code: exhaustedCode,
  message:
    `The run ended without an outcome in all of its ${maxAttempts} attempts; ` +
    (last.ended === "lease_expired"
      ? `the last was by worker ${last.workerId}, whose lease expired`
      : `the last was handed back by worker ${last.workerId}${last.reason === null ? "" : `: ${last.reason}`}`),
})

const wanted = ({ id, toolCallId, toolName }: Interrupt.Interrupt): string =>
  toolName === undefined ? `An answer to ${id}` : `The result of ${toolName} (tool call ${toolCallId ?? id})`

/** The outcome of a run that was not answered in time. */
export const waitExpired = (waiting: Waiting): RunError => {
  const late = ResumeRules.open(waiting).find(
    ({ expiresAt }) =>
      expiresAt !== undefined &&
      waiting.expiresAt !== null &&
      expiresAt.epochMillis === waiting.expiresAt.epochMillis,
  )
  return {
    code: "wait_expired",
    message:
      `${wanted(late ?? waiting.interrupts[0]!)} did not arrive` +
      (waiting.expiresAt === null ? "" : ` by ${DateTime.formatIso(waiting.expiresAt)}`),
  }
}

/** Whether this is the entry that ends a log: after it nothing follows. An interrupt is not the end. */
export const endsLog = (entry: Pick<LogEntry, "event" | "sequence">): boolean => {
  if (entry.sequence !== null) return false
  if (entry.event.type === "RUN_ERROR") return true
  if (entry.event.type !== "RUN_FINISHED") return false
  const outcome = entry.event["outcome"] as { readonly type?: unknown } | undefined
  return outcome?.type !== "interrupt"
}
