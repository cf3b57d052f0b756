/**
 * Waits until a run has ended or asks something, and tells its client how it goes.
 *
 * @since 0.1.0
 */
import { type Run, Runs } from "@runlease/core"
import { Context, Deferred, Effect, PubSub, Stream } from "effect"
import type { Call, Outcome } from "./Call.js"
import * as JsonRpc from "./JsonRpc.js"
import * as Waits from "./Waits.js"

/** The longest wait of one call, in seconds. */
export const maxSeconds = 300

/** How long a call waits that says nothing of it, in seconds: clients give up a request after 60. */
export const defaultSeconds = 50

/** The result of a run for the tool that began or looks at it. */
export const resultOf = (call: Pick<Call, "ports">, run: Run.Run) => Waits.resultOf(call.ports, run)

/**
 * The run once it has ended or asks something, or as it is when the time is over. Notifications go to a client that requests them; the
 * progress is the id of the event.
 *
 * Units: `seconds` is at most `maxSeconds`.
 *
 * @since 0.1.0
 * @category waiting
 */
export const until = (call: Call, run: Run.Run, seconds: number): Outcome<Waits.Failure> => {
  if (Waits.isSettled(run) || seconds === 0) return { result: resultOf(call, run) }
  const { ports, progressToken, waits } = call
  const runs = Context.get(ports, Runs.Runs)
  let settled: ReturnType<typeof resultOf> | undefined
  const awaited = waits.of(ports, run)
  const end = (shared: Waits.AwaitedRun) =>
    Effect.map(Deferred.await(shared.settled), (result) => {
      settled = result
    })
  const result = Effect.suspend(
    () => settled ?? Effect.flatMap(runs.get(run.runId), (now) => resultOf(call, now)),
  )
  // What ends the wait early is a failure of the result too.
  if (progressToken === undefined) {
    const wait = Effect.scoped(Effect.flatMap(awaited, end))
    return { wait: Effect.ignore(Effect.timeoutOption(wait, `${seconds} seconds`)), result }
  }
  const notifications = Stream.unwrapScoped(
    Effect.gen(function* () {
      const shared = yield* awaited
      const published = yield* PubSub.subscribe(shared.published)
      return Stream.fromQueue(published).pipe(
        Stream.takeWhile(({ message }) => message !== undefined),
        Stream.filter(({ progress: at }) => at > run.latestEventId),
        Stream.map(({ message, progress: at }) =>
          JsonRpc.notification("notifications/progress", { progressToken, progress: at, message }),
        ),
        Stream.concat(Stream.execute(end(shared))),
      )
    }),
  ).pipe(Stream.interruptAfter(`${seconds} seconds`))
  return { notifications, result }
}
