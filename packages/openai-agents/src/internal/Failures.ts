/** The errors of models within the call of a tool: the SDK passes a text to the model of the agent in their place. */
import type { FrameworkSteps } from "@runlease/core/executor"

type Place = FrameworkSteps.Place | undefined

const failures = new WeakMap<FrameworkSteps.Place, { readonly error: unknown }>()

export const note = (place: Place, error: unknown): void => {
  if (place?.call !== undefined && !failures.has(place)) failures.set(place, { error })
}

/** Rejects where a model of that call has failed. */
export const rethrow = (place: Place): void => {
  const failure = place === undefined ? undefined : failures.get(place)
  if (failure !== undefined) throw failure.error
}
