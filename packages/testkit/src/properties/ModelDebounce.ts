/** Debounced submissions in the model: a pending run that no worker has claimed takes the later ones of its key. */
import { isExpired, replaceRun, type State } from "./ModelState.js"
import { runName, type Submit } from "./Request.js"

/** Until when a run waits for the next submission, whose first one was at `createdAt`. */
export const debouncedUntil = (
  { most, wait }: NonNullable<Submit["debounce"]>,
  createdAt: number,
  now: number,
): number => (most === null ? now + wait : Math.min(now + wait, createdAt + most))

/** The run that takes the submission; undefined where it is to be a run. */
export const debounce = (
  state: State,
  { debounce: by, ofClient, run: number }: Submit,
  submission: string,
): readonly [State, string] | undefined => {
  const run = state.runs.find(
    (each) =>
      by !== null &&
      each.debounceKey === by.key &&
      each.status === "pending" &&
      each.epoch === 0 &&
      !isExpired(state, each),
  )
  if (by === null || run === undefined) return undefined
  const availableAt = debouncedUntil(by, run.createdAt, state.now)
  const startBy = run.ttl === null ? null : Math.max(run.createdAt, availableAt) + run.ttl
  const absorbed = [...run.absorbed, { run: number, submission }]
  return [
    replaceRun(state, { ...run, availableAt, startBy, ofClient, absorbed }),
    `Debounced ${runName(run.run)}`,
  ]
}
