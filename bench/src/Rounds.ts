/** Contenders take turns, so that what the machine does meanwhile falls on all of them alike. */
import { Clock, Effect } from "effect"

/** Milliseconds of the monotonic clock, with their fraction. */
export const now: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const startedAt = yield* now
    const value = yield* effect
    return { value, millis: (yield* now) - startedAt }
  })

/** How often per second `once` is done by `concurrency` fibers that do nothing else for a while. */
export const rate = <E, R>(
  once: Effect.Effect<unknown, E, R>,
  options: { readonly concurrency: number; readonly millis: number },
): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const startedAt = yield* now
    let done = 0
    const loop = Effect.gen(function* () {
      while ((yield* now) - startedAt < options.millis) {
        yield* once
        done += 1
      }
    })
    yield* Effect.all(
      Array.from({ length: options.concurrency }, () => loop),
      { concurrency: "unbounded", discard: true },
    )
    return (done * 1000) / ((yield* now) - startedAt)
  })

/** As `rate`, for a function that gives how much it has done, with nothing of Effect's in between. */
export const plainRate = (once: () => number, millis: number): Effect.Effect<number> =>
  Effect.sync(() => {
    const startedAt = performance.now()
    let done = 0
    while (performance.now() - startedAt < millis) done += once()
    return (done * 1000) / (performance.now() - startedAt)
  })

export interface Contender<A, E, R> {
  readonly name: string
  readonly sample: Effect.Effect<A, E, R>
}

/** Every contender's samples, one for each round; the first round warms up and is dropped. */
export const interleave = <A, E, R>(
  contenders: ReadonlyArray<Contender<A, E, R>>,
  rounds: number,
): Effect.Effect<ReadonlyArray<{ readonly name: string; readonly samples: ReadonlyArray<A> }>, E, R> =>
  Effect.gen(function* () {
    const samples = new Map<string, Array<A>>(contenders.map(({ name }) => [name, []]))
    for (let round = 0; round <= rounds; round += 1) {
      // Whoever goes first in one round goes last in the next.
      const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]!)
      for (const { name, sample } of order) {
        const value = yield* sample
        if (round > 0) samples.get(name)!.push(value)
      }
    }
    return contenders.map(({ name }) => ({ name, samples: samples.get(name)! }))
  })
