/**
 * The pace of a stand-in model: a test lets it say some words, does something in the middle of the answer, and lets it go on.
 *
 * ```ts
 * const pace = yield* Pace.make
 * const model = ModelServer.layer(() =>
 *   Stream.tap(Stream.fromIterable(ModelServer.wordsOf(story)), () => pace.turn),
 * )
 * yield* pace.limit(10)
 * ```
 */
import { Effect, Ref, type Scope } from "effect"

/** Limits the number of words that a stand-in model sends. */
export interface Pace {
  /** Waits until the next word is allowed. */
  readonly turn: Effect.Effect<void>
  /** Allows `n` more words, then none until it is unlimited again, at the latest when the Scope closes. */
  readonly limit: (words: number) => Effect.Effect<void, never, Scope.Scope>
  /** Allows all words. */
  readonly free: Effect.Effect<void>
}

/** A pace that is unlimited at first. */
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
