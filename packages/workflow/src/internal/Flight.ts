/** Which steps of an attempt are in flight, as the worker counts them. An interrupted execution ends when none is. */
import type { StepLog } from "@runlease/core/executor"
import { Effect } from "effect"

/** How long nothing may be in flight before the execution is at rest: two steps in a row have a moment between them. */
const quiet = "50 millis"

export interface Flight {
  /** The same steps, counted. */
  readonly count: (steps: StepLog.AttemptSteps) => StepLog.AttemptSteps

  /** Waits in the step `within`, which is not in flight meanwhile. The run is not suspended for it. */
  readonly parked: <A, E, R>(
    within: string | undefined,
    effect: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>

  /** Waits until nothing is in flight. */
  readonly atRest: Effect.Effect<void>
}

export const make = (): Flight => {
  /** The steps in flight, each with the number of waits that are parked in it. */
  const steps = new Map<string, { readonly within: string | undefined; parked: number }>()
  let changes = 0

  const park = (within: string | undefined, change: 1 | -1): void => {
    changes += 1
    for (let place = steps.get(within ?? ""); place !== undefined; place = steps.get(place.within ?? "")) {
      place.parked += change
    }
  }

  const isBusy = (): boolean => {
    for (const { parked } of steps.values()) if (parked === 0) return true
    return false
  }

  const parked: Flight["parked"] = (within, effect) =>
    Effect.suspend(() => {
      park(within, 1)
      return Effect.ensuring(
        effect,
        Effect.sync(() => park(within, -1)),
      )
    })

  const atRest: Effect.Effect<void> = Effect.suspend(() => {
    const before = changes
    return Effect.zipRight(
      Effect.sleep(quiet),
      Effect.suspend(() => (changes === before && !isBusy() ? Effect.void : atRest)),
    )
  })

  return {
    parked,
    atRest,
    count: (inner) => ({
      ...inner,
      inFlight: (place, effect) =>
        Effect.suspend(() => {
          changes += 1
          steps.set(place.id, { within: place.within, parked: 0 })
          return Effect.ensuring(
            inner.inFlight(place, effect),
            Effect.sync(() => {
              changes += 1
              steps.delete(place.id)
            }),
          )
        }),
      park: (within, wait, effect) => parked(within, inner.park(within, wait, effect)),
    }),
  }
}
