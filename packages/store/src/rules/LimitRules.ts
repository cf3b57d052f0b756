/**
 * Limits of concurrency: a bound on the runs of one key, or of one agent, that work at once.
 *
 * A run is admitted before the queue and counted at its claim. A pending run goes through its limits from narrow to wide. It is behind a
 * limit (`limited`) until a place is free there, and has the places of those that it has passed. With all of them it is runnable. A run
 * that works takes a place at each until its end, its wait, its release or its lapse. A place that a run has had for `placeMillis` without a
 * claim, while others are behind, goes to a run of another route: the run stays where it is, its place is `stale`, and its claim checks
 * for room.
 *
 * The limit of a project has no queue: all of its runs are under it. A run has it from its claim on, while it works.
 *
 * Units: `now` and other instants are in milliseconds since the epoch.
 * Source: docs/decisions/0102-limits.md
 */
import type * as Ids from "@runlease/core/Ids"
import type { LimitBounds } from "@runlease/core/Limits"
import * as LimitKey from "./LimitKey.js"
import * as LimitPlaces from "./LimitPlaces.js"
import * as RateRules from "./RateRules.js"
import type { RunSpec, RunState } from "./RunState.js"
import { runnable, transition, type Transition } from "./Transition.js"

/** Which limits there are that no submission names: of all runs of an agent, of those of a project, and those with names of some agents. */
export interface ScopedLimits {
  readonly agents: boolean
  readonly projects: boolean
  readonly named: boolean
}

/** There are no such limits. */
export const noScopedLimits: ScopedLimits = { agents: false, projects: false, named: false }

/** Names a limit at one key. */
export interface LimitRef {
  readonly projectId: Ids.ProjectId
  readonly limit: string
}

/** The name of a limit among those of all projects. */
export const refName = ({ limit, projectId }: LimitRef): string => `${projectId}/${limit}`

/**
 * How many runs of a limit work, have a place, have lost it, wait for one, and need none yet since they are delayed or wait for something
 * else. `fresh`: how many of all these no worker has had yet, `freshOpen`: and how many of those have a place.
 */
export interface LimitCounts {
  readonly running: number
  readonly open: number
  readonly stale: number
  readonly behind: number
  readonly parked: number
  readonly fresh: number
  readonly freshOpen: number
}

export const noRuns: LimitCounts = {
  running: 0,
  open: 0,
  stale: 0,
  behind: 0,
  parked: 0,
  fresh: 0,
  freshOpen: 0,
}

export const plus = <A extends LimitCounts>(usage: A, added: LimitCounts): A => ({
  ...usage,
  running: usage.running + added.running,
  open: usage.open + added.open,
  stale: usage.stale + added.stale,
  behind: usage.behind + added.behind,
  parked: usage.parked + added.parked,
  fresh: usage.fresh + added.fresh,
  freshOpen: usage.freshOpen + added.freshOpen,
})

/** Nothing is set. */
export const unbounded: LimitBounds = { maxRunning: null, rate: null, maxPending: null }

/**
 * A limit and its runs. `key`: the store's own name of it, which grows with each new limit. `tat`: the state of its rate, as `RateRules` has
 * it. `checkAt`: when places may be lost, or more can be granted; null for never.
 */
export interface LimitUsage extends LimitRef, LimitCounts, LimitBounds {
  readonly key: number
  readonly paused: boolean
  readonly tat: number
  readonly checkAt: number | null
}

/** A limit without runs of which nothing is set. `key` is the store's own name of it. */
export const added = ({ limit, projectId }: LimitRef, key: number): LimitUsage => ({
  key,
  projectId,
  limit,
  ...noRuns,
  ...unbounded,
  paused: false,
  tat: 0,
  checkAt: null,
})

/** After this time an open run that no worker claims loses its place. */
export const placeMillis = 5000

/** The most runs that one commit lets into the queue at one limit. */
export const mostOpened = 256

const nothing: ReadonlyArray<LimitRef> = []

/** The earlier of two instants, where null is never. */
const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other)

/** The limits of a run, from narrow to wide. */
export const limitsOf = ({ limits, spec: { projectId } }: RunState): ReadonlyArray<LimitRef> =>
  limits === null ? nothing : limits.map(({ name }) => ({ limit: name, projectId }))

/** The limits that a run would have if its agent had one, and does not have yet. */
export const governorsOf = ({
  limits,
  spec: { agentId, projectId },
}: Pick<RunState, "limits"> & {
  readonly spec: Pick<RunSpec, "agentId" | "projectId">
}): ReadonlyArray<LimitRef> => {
  const limit = LimitKey.ofAgent(agentId)
  return LimitPlaces.at(limits, limit) === undefined ? [{ limit, projectId }] : nothing
}

export const projectOf = ({ projectId }: Pick<RunSpec, "projectId">): LimitRef => ({
  projectId,
  limit: LimitKey.ofProject(projectId),
})

/** The limit that a pending run is behind; null for one that is behind none. */
export const behindOf = ({ gate, limits, status }: RunState): string | null =>
  status === "pending" && gate === "limited"
    ? (limits?.[LimitPlaces.firstWithout(limits)]?.name ?? null)
    : null

/** As what a run counts at a limit; undefined for a run without that limit, and for one that has ended. */
export const countOf = (
  state: RunState,
  limit: string,
): Exclude<keyof LimitCounts, "fresh" | "freshOpen"> | undefined => {
  const place = LimitPlaces.at(state.limits, limit)
  if (place === undefined) return undefined
  if (state.status === "running") return "running"
  if (state.status === "waiting") return "parked"
  if (state.status !== "pending") return undefined
  if (place.since !== null) return place.stale ? "stale" : "open"
  return behindOf(state) === limit ? "behind" : "parked"
}

/** Whether no worker has had the run yet, so its claim takes a token of each of its limits. */
export const isFresh = ({ leaseEpoch }: Pick<RunState, "leaseEpoch">): boolean => leaseEpoch === 0

/** The place of a pending run at a limit, as an index finds it: since when, or null for one that is stale. Undefined where it has none. */
export const placeIn = (state: RunState, index: number): LimitPlaces.LimitPlace | undefined => {
  const place = state.status === "pending" ? state.limits?.[index] : undefined
  return place === undefined || place.since === null ? undefined : place
}

/** How many runs may work at once. */
export const bound = ({ maxRunning, paused }: Pick<LimitUsage, "maxRunning" | "paused">): number =>
  paused ? 0 : (maxRunning ?? Number.POSITIVE_INFINITY)

/** How many more places there are. */
export const room = (usage: LimitUsage): number => bound(usage) - usage.running - usage.open

/** How many runs may start now that no worker has had, by the rate alone. */
export const tokens = ({ rate, tat }: Pick<LimitUsage, "rate" | "tat">, now: number): number =>
  rate === null ? Number.POSITIVE_INFINITY : RateRules.tokens(rate, tat, now)

/** How many more places there are for runs that no worker has had, by the rate alone. Below 0 where some have a place and no token. */
export const freshRoom = (usage: LimitUsage, now: number): number => tokens(usage, now) - usage.freshOpen

/** Whether one more run may work. */
export const mayStart = (usage: LimitUsage, fresh: boolean, now: number): boolean =>
  usage.running < bound(usage) && (!fresh || tokens(usage, now) > 0)

/** Whether the limit has no runs. */
export const isUnused = ({ behind, open, parked, running, stale }: LimitCounts): boolean =>
  running + open + stale + behind + parked === 0

/** Whether the limit is of all runs of an agent or of a project. One without a bound is none. */
export const governs = (usage: LimitUsage): boolean =>
  LimitKey.scopeOf(usage.limit) !== undefined && bound(usage) !== Number.POSITIVE_INFINITY

/** Whether the limit has no runs and nothing is set of it but what the next submission sets. The tokens that it has used may stay. */
export const isIdle = (usage: LimitUsage): boolean => !usage.paused && !governs(usage) && isUnused(usage)

/** When there is a token for one more place; null for never, where nothing waits for it, and where an end frees the next place. */
const tokenAt = (usage: LimitUsage, now: number): number | null =>
  usage.rate !== null && room(usage) > 0 && freshRoom(usage, now) <= 0
    ? RateRules.availableAt(usage.rate, usage.tat, usage.freshOpen + 1)
    : null

/** When the store looks at the limit again. `opened`: how many runs this commit has let in. */
export const checkAfter = (usage: LimitUsage, opened: number, now: number): number | null => {
  if (usage.behind === 0) return null
  if (opened >= mostOpened && room(usage) > 0) return now
  const lostAt = usage.open === 0 ? null : now + placeMillis
  const at = earlier(lostAt, tokenAt(usage, now))
  return at === null ? null : earlier(usage.checkAt, at)
}

const moved = (state: RunState, limits: LimitPlaces.LimitPlaces, now: number): Transition => {
  const gate = LimitPlaces.firstWithout(limits) < 0 ? "runnable" : "limited"
  return transition(
    { ...state, gate, limits, rank: 0, updatedAt: now },
    [],
    gate === "runnable" ? runnable : [],
  )
}

/** Grants a place to a run at the limit that it is behind. It is runnable then, or behind its next limit. */
export const open = (state: RunState, now: number): Transition => {
  const name = behindOf(state)
  return moved(
    state,
    name === null ? state.limits : LimitPlaces.replace(state.limits, { name, since: now, stale: false }),
    now,
  )
}

/** Puts a run behind a limit where it has a place, since no place is free. It keeps the places before it, and loses those after it. */
export const putBack = (state: RunState, limit: string, now: number): Transition => {
  const index = state.limits?.findIndex(({ name }) => name === limit) ?? -1
  return moved(state, LimitPlaces.clearFrom(state.limits, Math.max(0, index)), now)
}

/**
 * Brings a run that has not ended under a limit of its agent, or one that works under that of its project: the widest. A runnable run is behind it then.
 */
export const govern = (state: RunState, limit: string): Transition => {
  const limits = LimitPlaces.add(state.limits, limit)
  return state.status === "pending" && state.gate === "runnable"
    ? transition({ ...state, gate: "limited", limits, rank: 0 })
    : transition({ ...state, limits })
}

/** Takes the place of a run at a limit, where no worker has claimed it for too long; undefined where it has none, or not for long enough. */
export const losePlace = (state: RunState, limit: string, now: number): Transition | undefined => {
  const place = LimitPlaces.at(state.limits, limit)
  return countOf(state, limit) === "open" && place !== undefined && place.since! <= now - placeMillis
    ? transition({ ...state, limits: LimitPlaces.replace(state.limits, { ...place, stale: true }) })
    : undefined
}

/** Whether the same workers claim both runs. */
export const sameRoute = (a: RunState, b: RunState): boolean =>
  a.version === b.version &&
  a.spec.agentId === b.spec.agentId &&
  a.spec.implementationKind === b.spec.implementationKind &&
  a.spec.workerKey === b.spec.workerKey
