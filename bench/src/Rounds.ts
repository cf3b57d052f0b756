/** Contenders take turns, so that other load of the machine affects all of them equally. */
import { Clock, Effect } from "effect"

/** Milliseconds within which the last run ends and its worker waits for the next. */
export const settled = 25

/** Milliseconds of the monotonic clock, with their fraction. */
export const now: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const startedAt = yield* now
    const value = yield* effect
    return { value, millis: (yield* now) - startedAt }
  })

export interface Turn<A, E, R> {
  readonly name: string
  readonly sample: Effect.Effect<A, E, R>
  /** Warms up instead of a sample. */
  readonly warmUp?: Effect.Effect<unknown, E, R>
}

export interface Samples<A> {
  readonly name: string
  readonly samples: ReadonlyArray<A>
}

/** Takes one sample of each contender a round; the first round warms up and is dropped. */
export const interleave = <A, E, R>(
  turns: ReadonlyArray<Turn<A, E, R>>,
  rounds: number,
): Effect.Effect<ReadonlyArray<Samples<A>>, E, R> =>
  Effect.gen(function* () {
    const samples = new Map<string, Array<A>>(turns.map(({ name }) => [name, []]))
    for (let round = 0; round <= rounds; round += 1) {
      // The first contender of one round is the last of the next.
      const order = turns.map((_, index) => turns[(index + round) % turns.length]!)
      for (const { name, sample, warmUp = sample } of order) {
        if (round === 0) yield* warmUp
        else samples.get(name)!.push(yield* sample)
      }
    }
    return turns.map(({ name }) => ({ name, samples: samples.get(name)! }))
  })
