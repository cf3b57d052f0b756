/**
 * What goes wrong in chaos, and when: faults begin one after the other at random instants, and each is over a few seconds later.
 */
import { Array, Effect, Exit, Scope } from "effect"
import type { Prng } from "../../../testkit/src/simulation/Prng.js"

/** A fault that has begun. `heal` ends it; it is called once. */
export interface Begun {
  readonly text: string
  readonly millis: number
  readonly heal: Effect.Effect<void>
}

/**
 * `weight`: how often it happens, beside the others. `begin` gives undefined where it cannot happen now.
 */
export interface Fault {
  readonly kind: string
  readonly weight: number
  readonly begin: (prng: Prng) => Effect.Effect<Begun | undefined>
}

/** The time between the beginnings of faults, in milliseconds. */
export interface Gap {
  readonly least: number
  readonly most: number
}

/** Long enough that most faults have no other one beside them. */
export const wideGap: Gap = { least: 400, most: 3_000 }

const pick = (prng: Prng, faults: Array.NonEmptyReadonlyArray<Fault>): Fault => {
  let number = prng.next() * faults.reduce((sum, { weight }) => sum + weight, 0)
  return faults.find(({ weight }) => (number -= weight) < 0) ?? faults[0]
}

const shuffled = (prng: Prng, faults: ReadonlyArray<Fault>): Array<Fault> =>
  faults
    .map((fault) => ({ fault, place: prng.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ fault }) => fault)

/** Lets things go wrong for so long, and heals what has begun. Gives how often each kind of fault happened. */
export const run = (
  faults: Array.NonEmptyReadonlyArray<Fault>,
  prng: Prng,
  millis: number,
  gap: Gap,
  tell: (text: string) => void,
): Effect.Effect<ReadonlyMap<string, number>> =>
  Effect.gen(function* () {
    const counts = new Map<string, number>()
    const scope = yield* Scope.make()
    // Each of them once, then by their weights, so that a short time has all of them too.
    const first = shuffled(prng, faults)
    const strike = Effect.gen(function* () {
      const fault = first.pop() ?? pick(prng, faults)
      const begun = yield* fault.begin(prng)
      if (begun === undefined) return
      counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1)
      tell(begun.text)
      const over = Effect.ensuring(Effect.interruptible(Effect.sleep(begun.millis)), begun.heal)
      yield* Effect.forkIn(over, scope)
    })
    const next = Effect.suspend(() =>
      Effect.delay(Effect.uninterruptible(strike), prng.between(gap.least, gap.most)),
    )
    yield* Effect.ignore(Effect.timeout(Effect.forever(next), millis))
    yield* Scope.close(scope, Exit.void)
    return counts
  })
