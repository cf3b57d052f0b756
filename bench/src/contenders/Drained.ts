/** How the peers are timed: a worker is started over what waits, and stopped when nothing is left to be done. */
import { Effect, Schedule } from "effect"
import * as Rounds from "../Rounds.js"

export interface Peer {
  /** Starts to work; `handled` is called once for each job. Gives how to stop. */
  readonly work: (handled: () => void) => Promise<() => Promise<void>>
  /** How many jobs are not durably done. */
  readonly left: () => Promise<number>
}

/** Works through `count` jobs; gives how many a second, up to when the last is durably done. */
export const perSecond = ({ left, work }: Peer, count: number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let handled = 0
    const startedAt = yield* Rounds.now
    const stop = yield* Effect.promise(() =>
      work(() => {
        handled += 1
      }),
    )
    yield* Effect.repeat(
      Effect.suspend(() => (handled < count ? Effect.succeed(count - handled) : Effect.promise(left))),
      { until: (rest) => rest === 0, schedule: Schedule.spaced("2 millis") },
    )
    const endedAt = yield* Rounds.now
    yield* Effect.promise(stop)
    return (count * 1000) / (endedAt - startedAt)
  })

/** One job after another to an idle worker; from the acknowledgement of each until it is started, in milliseconds. */
export const pickUps = (
  work: (started: () => void) => Promise<() => Promise<void>>,
  submit: () => Promise<unknown>,
  count: number,
): Effect.Effect<ReadonlyArray<number>> =>
  Effect.promise(async () => {
    let startedAt: (millis: number) => void = () => {}
    const stop = await work(() => startedAt(performance.now()))
    const times: Array<number> = []
    for (let index = 0; index < count; index += 1) {
      const started = new Promise<number>((resolve) => {
        startedAt = resolve
      })
      await new Promise((resolve) => setTimeout(resolve, Rounds.settled))
      await submit()
      const acknowledgedAt = performance.now()
      times.push((await started) - acknowledgedAt)
    }
    await stop()
    return times
  })
