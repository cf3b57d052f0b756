/**
 * The routes and priorities at which this process has seen runs with a fairness key, so that a commit of other runs reads no ranks.
 *
 * A process that has seen none yet gives runs without a key no rank: they go before those with one, until it claims or submits one.
 *
 * Source: docs/decisions/0105-fairness.md
 *
 * @since 0.1.0
 */
import * as FairRules from "../../rules/FairRules.js"

/** A run, of which only the route and the priority matter. */
export interface Routed extends FairRules.Route {
  readonly priority: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FairRoutes {
  readonly add: (run: Routed) => void
  readonly has: (run: Routed) => boolean
  readonly remove: (run: Routed) => void
  /** Whether there are any. */
  readonly some: () => boolean
}

const nameOf = (run: Routed): string => `${run.projectId}/${run.priority}/${FairRules.routeName(run)}`

/**
 * `most`: the largest number of routes; the one that was added first gives way.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (most = 10_000): FairRoutes => {
  const names = new Set<string>()
  return {
    add: (run) => {
      names.add(nameOf(run))
      if (names.size > most) names.delete(names.values().next().value!)
    },
    has: (run) => names.size > 0 && names.has(nameOf(run)),
    remove: (run) => void names.delete(nameOf(run)),
    some: () => names.size > 0,
  }
}
