/** Effects one after the other. `Effect.forEach` makes a region for them, which costs more than most of them do. */
import { Effect } from "effect"

/** The results of the effects, in their order. One begins when the one before it has ended. */
export const inOrder = <A, B, E>(
  items: ReadonlyArray<A>,
  effectOf: (item: A) => Effect.Effect<B, E>,
): Effect.Effect<ReadonlyArray<B>, E> => {
  const results: Array<B> = []
  const next: Effect.Effect<ReadonlyArray<B>, E> = Effect.suspend(() =>
    results.length === items.length
      ? Effect.succeed(results)
      : Effect.flatMap(effectOf(items[results.length]!), (one) => {
          results.push(one)
          return next
        }),
  )
  return next
}
