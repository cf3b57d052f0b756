/** Waits until a run has ended or waits for an answer, and reports its progress to its client. */
import { type Run, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import { Context, Deferred, Effect, PubSub, Stream } from "effect"
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
  return progressToken === undefined
    ? silently(ports, waits, run, seconds)
    : telling(ports, waits, run, seconds, progressToken)
}

/** The run as it is then. What ends a wait early is a failure of this too. */
const runNow = (ports: Ports, runId: Run.Run["runId"]) =>
  Effect.flatMap(Context.get(ports, Runs.Runs).get(runId), (now) => Waits.resultOf(ports, now))

/** What the result of a wait holds, for as long as it takes: no part of the call, and of the run its id alone. */
const later = (ports: Ports, runId: Run.Run["runId"]) => {
  let settled: ReturnType<typeof resultOf> | undefined
  return {
    settle: (result: ReturnType<typeof resultOf> | undefined) => {
      settled = result
    },
    result: Effect.suspend(() => settled ?? runNow(ports, runId)),
  }
}

const silently = (
  ports: Ports,
  waits: Waits.Waits,
  run: Run.Run,
  seconds: number,
): Outcome<Waits.Failure> => {
  const { result, settle } = later(ports, run.runId)
  return {
    result,
    wait: (done) =>
      waits.listen(ports, run, seconds, (settled) => {
        settle(settled)
        done()
      }),
  }
}

const telling = (
  ports: Ports,
  waits: Waits.Waits,
  run: Run.Run,
  seconds: number,
  progressToken: JsonRpc.Id,
): Outcome<Waits.Failure> => {
  const { result, settle } = later(ports, run.runId)
  const notifications = Stream.unwrapScoped(
    Effect.gen(function* () {
      const shared = yield* waits.of(ports, run)
      const published = yield* PubSub.subscribe(shared.published)
      return Stream.fromQueue(published).pipe(
        Stream.takeWhile(({ message }) => message !== undefined),
        Stream.filter(({ progress: at }) => at > run.latestEventId),
        Stream.map(({ message, progress: at }) =>
          JsonRpc.notification("notifications/progress", { progressToken, progress: at, message }),
        ),
        Stream.concat(Stream.execute(Effect.map(Deferred.await(shared.settled), settle))),
      )
    }),
  ).pipe(Stream.interruptAfter(`${seconds} seconds`))
  return { notifications, result }
}
