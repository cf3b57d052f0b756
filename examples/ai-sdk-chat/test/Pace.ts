import { Effect, Ref, type Scope } from "effect"

/** Limits the number of words that the stand-in model sends. */
export interface Pace {
  /** Waits until the next word is allowed. */
  readonly turn: Effect.Effect<void>
  /** Allows `n` more words, then none until it is unlimited again, at the latest when the Scope closes. */
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
