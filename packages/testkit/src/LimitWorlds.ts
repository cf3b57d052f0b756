/** Histories over stores of their own, for the property suites of limits, rates and fairness. */
import { it } from "@effect/vitest"
import type { StorePorts } from "@runlease/core/ControlPlane"
import { Duration, Effect, Layer, type Scope } from "effect"

/** How many histories there are, and the steps of each. */
export interface Worlds {
  readonly worlds: number
  readonly steps: number
}

/** Declares a test of histories in the suite of the caller. Each of the `worlds` has a store of its own, and its number is its seed. */
export const test = <E>(
  title: string,
  layer: Layer.Layer<StorePorts, unknown>,
  { steps, worlds }: Worlds,
  world: (seed: number, steps: number) => Effect.Effect<void, E, StorePorts | Scope.Scope>,
): void =>
  it.effect(
    title,
    () =>
      Effect.forEach(
        Array.from({ length: worlds }, (_, seed) => seed),
        (seed) =>
          world(seed, steps).pipe(
            Effect.annotateLogs({ seed }),
            Effect.tapErrorCause(() => Effect.logError(`History ${seed} failed`)),
            Effect.scoped,
            Effect.provide(Layer.fresh(layer)),
          ),
        { discard: true },
      ),
    Duration.toMillis("10 minutes"),
  )
