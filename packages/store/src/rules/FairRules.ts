/**
 * Fairness: the waiting runs of each key take turns, by the weights of the keys (start-time fair queueing).
 *
 * A run gets a rank when it enters a set of runs that are ordered: the runnable runs of a route, or those behind a limit. Of one priority
 * the lowest rank goes first, and of one rank the oldest run. `finish` of a key is where its next run begins at the earliest: each run
 * moves it on by `service / weight`. A key that has none begins at the virtual time of the set, so it waits for one start of each other
 * key at most, and what a key has had before the others came does not count.
 *
 * Runs of one version of workers are a set of their own. A run that a worker has had before has rank 0, and goes before those that none has had. So has a run that has lost its place at a limit, while
 * it is behind that limit, and a run without a key, unless ranked runs wait in its set: then all runs without a key share one turn.
 *
 * Source: docs/decisions/0105-fairness.md
 */
import type * as Ids from "@runlease/core/Ids"
import { behindOf, countOf, isFresh } from "./LimitRules.js"
import type { RunSpec, RunState } from "./RunState.js"

/** How far one run of weight 1 moves its key on. */
export const service = 1_000_000

/** The rank of the first run of a set. 0 is no rank. */
export const firstRank = 1

/** The largest number of flows that one commit deletes since they say nothing any more. */
export const mostForgotten = 256

/** The workers that may claim a run. */
export interface Route extends Pick<RunSpec, "projectId" | "agentId" | "implementationKind" | "workerKey"> {
  readonly version: string | null
}

/** Runs of one priority that are ordered among each other. `name`: among those of its project. */
export type RankedSet = {
  readonly projectId: Ids.ProjectId
  readonly name: string
  readonly priority: number
} & ({ readonly _tag: "Route"; readonly route: Route } | { readonly _tag: "Limit"; readonly limit: string })

/**
 * A set as the store has it. `waiting`: the lowest rank of its runs, but 0; null where none has one. `ofRoute`: the highest of those of all agents
 * of its route, and of all that go to any version.
 * `last` and `least`: the largest and the smallest finish of its keys. `finishes`: those of the keys that were wanted, where there is one.
 */
export interface SetRanks {
  readonly waiting: number | null
  readonly ofRoute: number | null
  readonly last: number | null
  readonly least: number | null
  readonly finishes: ReadonlyMap<string, number>
}

/** The key of a run. All runs without one share the empty key, which no submission can have. */
export const keyOf = ({ fairness }: Pick<RunSpec, "fairness">): string => fairness?.key ?? ""

/** Names a route in its project. */
export const routeName = ({ agentId, implementationKind, version, workerKey }: Route): string =>
  JSON.stringify([agentId, implementationKind, workerKey, ...(version === null ? [] : [version])])

export const routeOf = ({ spec, version }: Pick<RunState, "spec" | "version">): Route => {
  const { agentId, implementationKind, projectId, workerKey } = spec
  return { projectId, agentId, implementationKind, workerKey, version }
}

/** The set that a run enters with a rank; undefined for one that is in none, and for one that a worker has had before. */
export const setOf = (state: RunState): RankedSet | undefined => {
  const { gate, spec, status } = state
  if (status !== "pending" || !isFresh(state)) return undefined
  const { priority, projectId } = spec
  if (gate === "runnable") {
    const route = routeOf(state)
    return { _tag: "Route", projectId, priority, name: routeName(route), route }
  }
  const limit = behindOf(state)
  return limit === null
    ? undefined
    : { _tag: "Limit", projectId, priority, name: JSON.stringify([limit]), limit }
}

/** Whether a run goes back behind a limit where it had a place. It has rank 0 there, so it goes before the others of its priority. */
const losesPlace = (before: RunState, after: RunState): boolean => {
  const limit = behindOf(after)
  const count = limit === null ? undefined : countOf(before, limit)
  return count === "open" || count === "stale"
}

/** Whether a run enters a set by this change: also where it moves from one limit to the next, or to another version. */
export const enters = (before: RunState, after: RunState): boolean =>
  after.status === "pending" &&
  isFresh(after) &&
  (after.gate === "runnable" || after.gate === "limited") &&
  (before.status !== "pending" ||
    before.gate !== after.gate ||
    behindOf(before) !== behindOf(after) ||
    (after.gate === "runnable" && before.version !== after.version)) &&
  !losesPlace(before, after)

/** Where a key begins that has no run in the set. Where no run of an agent waits, others of its route may. */
export const virtualTime = ({ ofRoute, last, waiting }: SetRanks): number =>
  waiting ?? Math.max(firstRank, ofRoute ?? 0, last ?? 0)

/** How far one run moves its key on. */
export const chargeOf = ({ fairness }: Pick<RunSpec, "fairness">): number =>
  Math.round(service / (fairness?.weight ?? 1))
