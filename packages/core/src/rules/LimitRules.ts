/**
 * Limits of concurrency: at most so many runs of one key work at once.
 *
 * A run is admitted before the queue and counted at its claim. A pending run with a limit is behind it (`limited`) until a place is free.
 * Then it is open: runnable, with a place. A run that works takes a place until its end, its wait, its release or its lapse. An open run
 * that no worker claims for `placeMillis`, while others are behind, loses its place to a run of another route: it stays runnable, is
 * `stale`, and its claim checks for room.
 *
 * Units: `now` and other instants are in milliseconds since the epoch.
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import type * as Ids from "../model/Ids.js"
import type { RunSpec, RunState } from "./RunState.js"
import { isRunnable, runnable, transition, type Transition } from "./Transition.js"

/** Names a limit at one key. */
export interface LimitRef {
  readonly projectId: Ids.ProjectId
  readonly limit: string
}

/**
 * How many runs of a limit work, have a place, have lost it, wait for one, and need none yet since they are delayed or wait for something
 * else.
 */
export interface LimitCounts {
  readonly running: number
  readonly open: number
  readonly stale: number
  readonly behind: number
  readonly parked: number
}

/**
 * A limit and its runs. `key`: the store's own name of it, which grows with each new limit. `maxRunning`: null is no bound. `checkAt`: when places may be lost, or more can be given; null for never.
 *
 * @since 0.1.0
 * @category models
 */
export interface LimitUsage extends LimitRef, LimitCounts {
  readonly key: number
  readonly maxRunning: number | null
  readonly paused: boolean
  readonly checkAt: number | null
}

/** After this time an open run that no worker claims loses its place. */
export const placeMillis = 5000

/** The most runs that one commit lets into the queue at one limit. */
export const mostOpened = 256

/**
 * The limit of a run; undefined where it has none.
 *
 * @since 0.1.0
 * @category accessors
 */
export const limitOf = ({ spec: { limit, projectId } }: RunState): LimitRef | undefined =>
  limit === null ? undefined : { limit, projectId }

/** As what a run counts at its limit; undefined for a run without one, and for one that has ended. */
export const countOf = (state: RunState): keyof LimitCounts | undefined => {
  if (state.spec.limit === null) return undefined
  if (state.status === "running") return "running"
  if (state.status === "waiting") return "parked"
  if (state.status !== "pending") return undefined
  if (state.gate === "limited") return "behind"
  if (state.gate !== "runnable") return "parked"
  return state.placedAt === null ? "stale" : "open"
}

/** How many runs may work at once. */
export const bound = ({ maxRunning, paused }: Pick<LimitUsage, "maxRunning" | "paused">): number =>
  paused ? 0 : (maxRunning ?? Number.POSITIVE_INFINITY)

/** How many more places there are. */
export const room = (usage: LimitUsage): number => bound(usage) - usage.running - usage.open

/** Whether one more run may work. */
export const mayStart = (usage: LimitUsage): boolean => usage.running < bound(usage)

/** Whether the limit has no runs and nothing is set of it but what the next submission sets. */
export const isIdle = ({ behind, open, parked, paused, running, stale }: LimitUsage): boolean =>
  !paused && running + open + stale + behind + parked === 0

/** When the store looks at the limit again. `opened`: how many runs this commit has let in. */
export const checkAfter = (usage: LimitUsage, opened: number, now: number): number | null => {
  if (usage.behind === 0) return null
  if (opened >= mostOpened && room(usage) > 0) return now
  return usage.open === 0 ? null : (usage.checkAt ?? now + placeMillis)
}

/**
 * Gives a place to a run that is behind its limit.
 *
 * @since 0.1.0
 * @category transitions
 */
export const open = (state: RunState, now: number): Transition =>
  transition({ ...state, gate: "runnable", placedAt: now, updatedAt: now }, [], runnable)

/**
 * Puts a runnable run behind its limit, since no place is free at its claim.
 *
 * @since 0.1.0
 * @category transitions
 */
export const putBack = (state: RunState, now: number): Transition =>
  transition({ ...state, gate: "limited", placedAt: null, updatedAt: now })

/**
 * Takes the place of an open run that no worker has claimed; undefined where it has none, or not for long enough.
 *
 * @since 0.1.0
 * @category transitions
 */
export const losePlace = (state: RunState, now: number): Transition | undefined =>
  isRunnable(state) && state.placedAt !== null && state.placedAt <= now - placeMillis
    ? transition({ ...state, placedAt: null })
    : undefined

/** Whether the same workers claim both runs. */
export const sameRoute = (a: RunSpec, b: RunSpec): boolean =>
  a.agentId === b.agentId && a.implementationKind === b.implementationKind && a.workerKey === b.workerKey
