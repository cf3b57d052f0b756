import { Effect, Ref, type Scope } from "effect"

/** How many words the stand-in model may say. */
export interface Pace {
  /** Waits for a word's turn. */
  readonly turn: Effect.Effect<void>
  /** From now on so many words, and then no more until it is free, as it is when the Scope closes. */
  readonly limit: (words: number) => Effect.Effect<void, never, Scope.Scope>
  readonly free: Effect.Effect<void>
}

export const make: Effect.Effect<Pace> = Effect.gen(function* () {
  const gate = yield* Effect.makeLatch(true)
  const left = yield* Ref.make(Infinity)
  const set = (words: number) => Effect.zipRight(Ref.set(left, words), gate.open)
  const free = set(Infinity)
  return {
    turn: Effect.zipRight(
      gate.await,
      Effect.flatMap(
        Ref.updateAndGet(left, (words) => words - 1),
        (words) => (words === 0 ? gate.close : Effect.void),
      ),
    ),
    limit: (words) => Effect.acquireRelease(set(words), () => free),
    free,
  }
})
