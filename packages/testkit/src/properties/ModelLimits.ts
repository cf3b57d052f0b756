/**
 * Limits of concurrency in the model: how many runs of a key may work, and which claims are right.
 *
 * The model has no places. So it says of limited runs which claims are allowed, and not which one of them a claim takes first: no more of a key work
 * than its limit lets in, and a claim leaves a key that has room alone only where it is full itself.
 */
import type { Run, State } from "./ModelState.js"

const isWorking =
  (key: string | null) =>
  ({ limit, status }: Run): boolean =>
    limit === key && status === "running"

const countOf = (runs: ReadonlyArray<Run>, key: string): number => runs.filter(isWorking(key)).length

/** How many more runs of a key may start. */
const roomOf = ({ limits, runs }: State, key: string): number => (limits[key] ?? 0) - countOf(runs, key)

/** A run that works under the limit that this one waits for; undefined where it may start. */
export const inTheWay = (state: State, { limit }: Run): Run | undefined =>
  limit === null || roomOf(state, limit) > 0 ? undefined : state.runs.find(isWorking(limit))

/** The first of these runs that may start together, at most `most`. */
export const startable = (state: State, runs: ReadonlyArray<Run>, most: number): ReadonlyArray<Run> => {
  const claimed: Array<Run> = []
  for (const run of runs) {
    const { limit } = run
    const alike = claimed.filter((other) => other.limit === limit).length
    if (claimed.length < most && (limit === null || alike < roomOf(state, limit))) claimed.push(run)
  }
  return claimed
}

/**
 * Whether claims that want `most` runs together may take these of the `runnable` ones, which are in their order of preference.
 *
 * @category claims
 */
export const isAllowed = (
  state: State,
  runnable: ReadonlyArray<Run>,
  claimed: ReadonlyArray<Run>,
  most: number,
): boolean => {
  const keys = new Set(runnable.flatMap(({ limit }) => limit ?? []))
  const ofKey = (runs: ReadonlyArray<Run>, key: string) => runs.filter(({ limit }) => limit === key).length
  const isOver = [...keys].some((key) => ofKey(claimed, key) > Math.max(0, roomOf(state, key)))
  const left = runnable.filter((run) => !claimed.includes(run))
  const freeLeft = left.findIndex(({ limit }) => limit === null)
  if (isOver || claimed.length > most || new Set(claimed).size < claimed.length) return false
  if (claimed.length < most) {
    return freeLeft < 0 && left.every(({ limit }) => ofKey(claimed, limit!) > 0 || roomOf(state, limit!) <= 0)
  }
  const firstLeft = freeLeft < 0 ? runnable.length : runnable.indexOf(left[freeLeft]!)
  return claimed.every((run) => runnable.indexOf(run) < firstLeft)
}
