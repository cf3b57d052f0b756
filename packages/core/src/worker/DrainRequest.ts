/**
 * Whether the operator of a worker asks it to claim no more runs. It starts as not requested.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"

export interface DrainRequest {
  readonly isRequested: () => boolean

  /** Takes note of a request, or of its end. Whether that is new. */
  readonly set: (requested: boolean) => boolean

  /** Waits while a drain is requested. */
  readonly awaitNone: Effect.Effect<void>

  /** Runs an effect; calls `stop` if a drain is requested meanwhile. */
  readonly whileNone: (
    stop: () => void,
  ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<DrainRequest> = Effect.map(Effect.makeLatch(true), (none) => {
  let isRequested = false
  const listeners = new Set<() => void>()
  return {
    isRequested: () => isRequested,
    set: (requested) => {
      if (requested === isRequested) return false
      isRequested = requested
      if (requested) {
        none.unsafeClose()
        for (const stop of listeners) stop()
      } else none.unsafeOpen()
      return true
    },
    awaitNone: none.await,
    whileNone: (stop) => (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          listeners.add(stop)
          if (isRequested) stop()
        }),
        () => effect,
        () => Effect.sync(() => listeners.delete(stop)),
      ),
  }
})
