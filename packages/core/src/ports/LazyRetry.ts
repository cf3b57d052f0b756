/** Retries whose loop is only made for an effect that has failed: most never do. */
import { Effect, type Schedule } from "effect"

/** When an effect that has failed is repeated, and for which errors. */
export interface Options<E> {
  readonly schedule: Schedule.Schedule<unknown, E>
  readonly while: (error: E) => boolean
}

/** As `Effect.retry`. */
export const retry = <A, E, R>(effect: Effect.Effect<A, E, R>, options: Options<E>): Effect.Effect<A, E, R> =>
  Effect.catchAll(effect, (error) => {
    if (!options.while(error)) return Effect.fail(error)
    let next: Effect.Effect<A, E, R> = Effect.fail(error)
    const attempts = Effect.suspend(() => {
      const attempt = next
      next = effect
      return attempt
    })
    return Effect.retry(attempts, options)
  })
