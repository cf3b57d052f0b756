/** The search for the orders in which concurrent requests may have had their effect, by their verdicts. */
import * as Model from "./Model.js"
import * as ModelRules from "./ModelRules.js"
import type * as ModelState from "./ModelState.js"
import type { Request } from "./Request.js"
import type * as Resolve from "./Resolve.js"

/** A request and its verdict. */
export interface Exchange {
  readonly request: Request
  readonly verdict: string
}

/** The leases that a claim granted; none for another request. */
export const leasesIn = ({ request, verdict }: Exchange): ReadonlyArray<Resolve.GrantedLease> =>
  request._tag !== "Claim"
    ? []
    : Array.from(verdict.matchAll(/run-(\d+) attempt \d+ epoch (\d+)/g), ([, run, epoch]) => ({
        run: Number(run) - 1,
        worker: request.worker,
        epoch: Number(epoch),
      }))

/** Every group of the claims. */
const claimGroups = (exchanges: ReadonlyArray<Exchange>): ReadonlyArray<ReadonlyArray<Exchange>> => {
  const claims = exchanges.filter(({ request }) => request._tag === "Claim")
  const groups: Array<ReadonlyArray<Exchange>> = [[]]
  for (const claim of claims) groups.push(...groups.map((group) => [...group, claim]))
  return groups.filter(({ length }) => length > 0)
}

/** What may take effect next of concurrent exchanges: one of them, or several claims that a store answers together. */
const nextOf = (
  state: ModelState.State,
  exchanges: ReadonlyArray<Exchange>,
): ReadonlyArray<readonly [after: ModelState.State, done: ReadonlyArray<Exchange>]> => [
  ...exchanges.flatMap((one) => {
    if (one.request._tag === "Claim") return []
    const [after, expected] = Model.step(state, one.request)
    return expected === one.verdict ? [[after, [one]] as const] : []
  }),
  ...claimGroups(exchanges).flatMap((group) => {
    const claims = group.flatMap((each) =>
      each.request._tag === "Claim"
        ? [{ request: each.request, granted: leasesIn(each).map(({ run }) => run) }]
        : [],
    )
    const mayBeHanded = claims.every(({ granted, request }) => request.waits && granted.length > 0)
    return (mayBeHanded ? [false, true] : [false]).flatMap((handed) => {
      const [after, expected] = ModelRules.claimTogether(state, claims, handed)
      return group.every(({ verdict }, index) => expected[index] === verdict) ? [[after, group] as const] : []
    })
  }),
]

/** Exchanges that are still to take effect, and the states that the model may be in before them. */
interface Frontier {
  readonly left: ReadonlyArray<Exchange>
  readonly states: Array<ModelState.State>
}

/**
 * Every state that the model may be in after these concurrent exchanges. The requests take effect in some order, each
 * atomically, with sweeps before and after any of them. A store may answer several claims together.
 *
 * Orders that leave the same exchanges are searched together, and those that lead to one state once: the orders of ten exchanges are
 * millions, and their states a few.
 */
export const explain = (
  states: ReadonlyArray<ModelState.State>,
  exchanges: ReadonlyArray<Exchange>,
): ReadonlyArray<ModelState.State> => {
  /** By how many exchanges are left. */
  const frontiers = Array.from({ length: exchanges.length + 1 }, () => new Map<string, Frontier>())
  const reach = (left: ReadonlyArray<Exchange>, state: ModelState.State): void => {
    const key = left
      .map((each) => JSON.stringify(each))
      .toSorted()
      .join()
    const found = frontiers[left.length]!.get(key)
    if (found === undefined) frontiers[left.length]!.set(key, { left, states: [state] })
    else found.states.push(state)
  }
  for (const state of states) reach(exchanges, state)
  for (const frontier of frontiers.toReversed()) {
    for (const { left, states: reached } of frontier.values()) {
      const swept = distinct(distinct(reached).flatMap(ModelRules.sweeps))
      if (left.length === 0) return swept
      for (const state of swept) {
        for (const [after, done] of nextOf(state, left)) reach(without(left, done), after)
      }
    }
  }
  return []
}

const without = (
  exchanges: ReadonlyArray<Exchange>,
  removed: ReadonlyArray<Exchange>,
): ReadonlyArray<Exchange> => exchanges.filter((each) => !removed.includes(each))

export const distinct = (states: ReadonlyArray<ModelState.State>): ReadonlyArray<ModelState.State> =>
  states.length < 2
    ? states
    : Array.from(new Map(states.map((state) => [JSON.stringify(state), state])).values())
