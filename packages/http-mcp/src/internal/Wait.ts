/** Waits until a run has ended or waits for an answer, and reports its progress to its client. */
import { type Run, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import { Context, Effect } from "effect"
import type { Call, Outcome, Ports } from "./Call.js"
import * as JsonRpc from "./JsonRpc.js"
import * as Waits from "./Waits.js"

/** The longest wait of one call, in seconds. */
export const maxSeconds = 300

/** How long a call waits that says nothing of it, in seconds: clients give up a request after 60. */
export const defaultSeconds = 50

/** The result of a run for the tool that began or looks at it. */
export const resultOf = (call: Pick<Call, "ports">, run: Run.Run) => Waits.resultOf(call.ports, run)

/**
 * The run once it has ended or waits for an answer, or as it is when the time is over. Notifications go to a client that requests them; the
 * progress is the id of the event.
 *
 * Units: `seconds` is at most `maxSeconds`.
 */
export const until = (call: Call, run: Run.Run, seconds: number): Outcome<Waits.Failure> => {
  if (SettledRun.isSettled(run) || seconds === 0) return { result: resultOf(call, run) }
  const { ports, progressToken, waits } = call
  return waiting(ports, waits, run, seconds, progressToken)
}

/** The run as it is then. What ends a wait early is a failure of this too. */
const runNow = (ports: Ports, runId: Run.Run["runId"]) =>
  Effect.flatMap(Context.get(ports, Runs.Runs).get(runId), (now) => Waits.resultOf(ports, now))

/** A wait holds, for as long as it takes, no part of its call, and of the run its id alone. */
const waiting = (
  ports: Ports,
  waits: Waits.Waits,
  run: Run.Run,
  seconds: number,
  progressToken: JsonRpc.Id | undefined,
): Outcome<Waits.Failure> => {
  const { latestEventId, runId } = run
  let settled: ReturnType<typeof resultOf> | undefined
  return {
    result: Effect.suspend(() => settled ?? runNow(ports, runId)),
    wait: (done, notify) =>
      waits.listen(ports, run, seconds, {
        onEnd: (result) => {
          settled = result
          done()
        },
        ...(progressToken === undefined
          ? {}
          : {
              onProgress: ({ message, progress }) => {
                if (progress <= latestEventId) return
                notify(JsonRpc.notification("notifications/progress", { progressToken, progress, message }))
              },
            }),
      }),
  }
}
