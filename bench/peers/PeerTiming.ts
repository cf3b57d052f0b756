/** Times the peers: starts a worker over a backlog and stops it when the backlog is empty. */
import { Effect, Schedule } from "effect"
import * as Rounds from "../src/Rounds.js"
import type { PickUp } from "../src/contenders/Contender.js"

export interface Peer {
  /** Starts a worker that calls `handled` once for each job; returns a function that stops it. */
  readonly work: (handled: () => void) => Promise<() => Promise<void>>
  /** The number of jobs that are not durably done. */
  readonly left: () => Promise<number>
}

/** Executes `count` jobs until the last is durably done; returns jobs per second. */
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

/** Submits jobs one after another to an idle worker. */
export const pickUps = (
  work: (started: () => void) => Promise<() => Promise<void>>,
  submit: () => Promise<unknown>,
  count: number,
): Effect.Effect<ReadonlyArray<PickUp>> =>
  Effect.promise(async () => {
    let startedAt: (millis: number) => void = () => {}
    const stop = await work(() => startedAt(performance.now()))
    const times: Array<PickUp> = []
    for (let index = 0; index < count; index += 1) {
      const started = new Promise<number>((resolve) => {
        startedAt = resolve
      })
      await new Promise((resolve) => setTimeout(resolve, Rounds.settled))
      const calledAt = performance.now()
      await submit()
      const acknowledgedAt = performance.now()
      times.push({ acknowledged: acknowledgedAt - calledAt, started: (await started) - calledAt })
    }
    await stop()
    return times
  })
