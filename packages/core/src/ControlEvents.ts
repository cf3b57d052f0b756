/**
 * The events that the control plane writes into a log, so that it reads as valid AG-UI whatever died.
 *
 * Every function gives the whole batch for its occasion, closings of what was open included.
 *
 * @since 0.1.0
 */
import { DateTime } from "effect"
import * as AgentEvent from "./AgentEvent.js"
import * as LogState from "./LogState.js"
import type { RunError, TerminalStatus, Waiting } from "./Run.js"
import type { LogEntry } from "./RunLog.js"

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

/** The name of the CUSTOM event that marks the end of an attempt and the start of the next. */
export const attemptEventName = "runlease.attempt"

const started = (subject: Subject): AgentEvent.AgentEvent => ({
  type: "RUN_STARTED",
  threadId: subject.conversationId,
  runId: subject.runId,
})

const attemptMark = (
  previous: PastAttempt,
  current: { readonly attempt: number; readonly workerId: string } | null,
): AgentEvent.AgentEvent =>
  AgentEvent.custom(attemptEventName, {
    previous: {
      attempt: previous.attempt,
      worker_id: previous.workerId,
      ended: previous.ended,
      ...(previous.reason === null ? {} : { reason: previous.reason }),
    },
    ...(current === null ? {} : { attempt: current.attempt, worker_id: current.workerId }),
  })

/** What opens a log that is not open; nothing when it is. */
export const opening = (subject: Subject, state: LogState.LogState): ReadonlyArray<AgentEvent.AgentEvent> =>
  state.started ? [] : [started(subject)]

/** At a claim: the start of the log, or the end of the attempt before. */
export const claimed = (
  subject: Subject,
  state: LogState.LogState,
  previous: PastAttempt | null,
  current: { readonly attempt: number; readonly workerId: string },
): ReadonlyArray<AgentEvent.AgentEvent> => [
  ...LogState.closings(state),
  ...opening(subject, state),
  ...(previous === null ? [] : [attemptMark(previous, current)]),
]

/** When a run is suspended for the result of a tool call. */
export const suspended = (
  subject: Subject,
  state: LogState.LogState,
  waiting: Waiting,
): ReadonlyArray<AgentEvent.AgentEvent> => [
  ...opening(subject, state),
  ...LogState.closings(state),
  {
    type: "RUN_FINISHED",
    threadId: subject.conversationId,
    runId: subject.runId,
    outcome: {
      type: "interrupt",
      interrupts: [
        {
          id: waiting.toolCallId,
          reason: `waiting for the result of ${waiting.toolName}`,
          toolCallId: waiting.toolCallId,
          ...(waiting.expiresAt === null ? {} : { expiresAt: DateTime.formatIso(waiting.expiresAt) }),
        },
      ],
    },
  },
]

/** When a run ends: `lastAttempt` is the one that ended it without an outcome of its own, if one did. */
export const ended = (
  subject: Subject,
  state: LogState.LogState,
  status: TerminalStatus,
  error: RunError | null,
  lastAttempt: PastAttempt | null = null,
): ReadonlyArray<AgentEvent.AgentEvent> => [
  ...opening(subject, state),
  ...LogState.closings(state),
  ...(lastAttempt === null ? [] : [attemptMark(lastAttempt, null)]),
  status === "failed"
    ? {
        type: "RUN_ERROR",
        message: error?.message ?? "The run failed",
        ...(error?.code == null ? {} : { code: error.code }),
      }
    : {
        type: "RUN_FINISHED",
        threadId: subject.conversationId,
        runId: subject.runId,
        outcome: { type: status === "completed" ? "success" : "cancelled" },
      },
]

/** The outcome of a run whose attempts are used up. */
export const attemptsExhausted = (maxAttempts: number, last: PastAttempt): RunError => ({
  code: "attempts_exhausted",
  message:
    `The run ended without an outcome in all of its ${maxAttempts} attempts; ` +
    (last.ended === "lease_expired"
      ? `the last was by worker ${last.workerId}, whose lease expired`
      : `the last was handed back by worker ${last.workerId}${last.reason === null ? "" : `: ${last.reason}`}`),
})

/** The outcome of a run whose tool call got no result in time. */
export const waitExpired = (waiting: Waiting): RunError => ({
  code: "wait_expired",
  message:
    `The result of ${waiting.toolName} (tool call ${waiting.toolCallId}) did not arrive` +
    (waiting.expiresAt === null ? "" : ` by ${DateTime.formatIso(waiting.expiresAt)}`),
})

/** Whether this is the entry that ends a log: after it nothing follows. An interrupt is not the end. */
export const endsLog = (entry: Pick<LogEntry, "event" | "sequence">): boolean => {
  if (entry.sequence !== null) return false
  if (entry.event.type === "RUN_ERROR") return true
  if (entry.event.type !== "RUN_FINISHED") return false
  const outcome = entry.event["outcome"] as { readonly type?: unknown } | undefined
  return outcome?.type !== "interrupt"
}
