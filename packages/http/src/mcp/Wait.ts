/**
 * Waits until a run has ended or asks something, and tells its client how it goes.
 *
 * @since 0.1.0
 */
import { type AgentEvent, type ControlPlaneError, Run, RunLog, Runs } from "@runlease/core"
import { Context, Effect, Option, Stream } from "effect"
import type { Call, Outcome } from "./Call.js"
import * as JsonRpc from "./JsonRpc.js"
import * as RunView from "./RunView.js"
import * as ToolResult from "./ToolResult.js"

/** The longest wait of one call, in seconds. */
export const maxSeconds = 300

/** How long a call waits that says nothing of it, in seconds: clients give up a request after 60. */
export const defaultSeconds = 50

type Failure = ControlPlaneError.ControlPlaneError | Run.RunNotFound

/** Whether a run needs no more waiting. */
export const isSettled = (run: Run.Run): boolean => Run.isTerminal(run.status) || RunView.isAsking(run)

/** The events after which a run may have ended, or wait for answers. */
const mayEnd = ({ type }: AgentEvent.LogEvent): boolean => type === "RUN_FINISHED" || type === "RUN_ERROR"

/** What an event says of how a run goes; none for those that come often. */
const messageOf = (event: AgentEvent.LogEvent): string | undefined => {
  switch (event.type) {
    case "RUN_STARTED":
      return "The run has begun"
    case "STEP_STARTED":
      return `Step ${String(event["stepName"])}`
    case "TOOL_CALL_START":
      return `Calls ${String(event["toolCallName"])}`
    case "TEXT_MESSAGE_START":
      return "Writes"
    case "CUSTOM":
      return event["name"] === "runlease.attempt" ? "Another attempt has begun" : undefined
    default:
      return undefined
  }
}

/** The result of a run for the tool that began or looks at it. A run that has failed is an error of its tool. */
export const resultOf = (call: Pick<Call, "ports">, run: Run.Run): Effect.Effect<JsonRpc.Params, Failure> =>
  Effect.map(RunView.whole(call.ports, run), (view) =>
    ToolResult.ofValue(view, run.status === "failed" || run.status === "cancelled"),
  )

/**
 * The run once it has ended or asks something, or as it is when the time is over. Notifications go to a client that requests them; the
 * progress is the id of the event.
 *
 * Units: `seconds` is at most `maxSeconds`.
 *
 * @since 0.1.0
 * @category waiting
 */
export const until = (call: Call, run: Run.Run, seconds: number): Outcome<Failure> => {
  const runs = Context.get(call.ports, Runs.Runs)
  const result = Effect.flatMap(runs.get(run.runId), (now) => resultOf(call, now))
  if (isSettled(run) || seconds === 0) return { result: resultOf(call, run) }
  const { progressToken } = call
  const notifications = Context.get(call.ports, RunLog.RunLog)
    .follow({ runId: run.runId, after: run.latestEventId })
    .pipe(
      Stream.mapEffect(({ event, eventId }) =>
        Effect.map(mayEnd(event) ? runs.get(run.runId) : Effect.succeed(run), (now) => ({
          settled: isSettled(now),
          progress: eventId,
          message: messageOf(event),
        })),
      ),
      Stream.takeUntil(({ settled }) => settled),
      Stream.filterMap(({ message, progress }) =>
        message === undefined || progressToken === undefined
          ? Option.none()
          : Option.some(JsonRpc.notification("notifications/progress", { progressToken, progress, message })),
      ),
      Stream.interruptAfter(`${seconds} seconds`),
      // What ends them early is a failure of the result too.
      Stream.catchAll(() => Stream.empty),
    )
  return { notifications, result }
}
