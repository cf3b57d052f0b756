/**
 * What is asked of the control plane for a run, by how its execution ended: an outcome, a hand-back, a suspension, or,
 * once the lease is lost, nothing at all.
 *
 * @since 0.1.0
 */
import { Cause, DateTime, Duration, Exit, Option } from "effect"
import type { Loss } from "./Lease.js"
import type { Suspension } from "./Leases.js"
import type { ClaimedRun, RunError, TerminalStatus } from "./Run.js"
import type { EndedByEvent, SinkFailure } from "./RunSink.js"
import type { Resolved } from "./WorkerOptions.js"

/** What the end of an execution asks the control plane for. */
export type Decision =
  | { readonly _tag: "End"; readonly status: TerminalStatus; readonly error: RunError | null }
  | { readonly _tag: "Retry"; readonly error: RunError; readonly delay: Duration.Duration }
  | { readonly _tag: "Suspend"; readonly waiting: Suspension }
  | { readonly _tag: "HandBack" }
  | { readonly _tag: "LeaveAlone"; readonly reason: Loss }

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
const ofEvent = (event: EndedByEvent["event"], now: number): Decision => {
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

const ofFailure = (run: ClaimedRun, options: Resolved, failure: SinkFailure, now: number): Decision => {
  switch (failure._tag) {
    case "LeaseEnded":
      return failure.reason === "Drained"
        ? { _tag: "HandBack" }
        : { _tag: "LeaveAlone", reason: failure.reason }
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

/** What becomes of a run whose execution ended like this. */
export const decide = (
  run: ClaimedRun,
  options: Resolved,
  exit: Exit.Exit<void, SinkFailure>,
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
