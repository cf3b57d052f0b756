/**
 * How far the ranks of fairness keys go, in memory.
 */
import { Effect } from "effect"
import type { RankedSet } from "../rules/FairRules.js"
import * as LimitRules from "../rules/LimitRules.js"
import type { RunState } from "../rules/RunState.js"
import type { FlowRows } from "../rows/FlowRows.js"
import * as State from "./State.js"

const nameOf = (set: Pick<RankedSet, "name" | "priority">, key: string): string =>
  JSON.stringify([set.name, set.priority, key])

const put = (state: State.State, set: RankedSet, key: string, flow: State.Flow | undefined): void => {
  const { flows } = State.projectOf(state, set.projectId)
  const name = nameOf(set, key)
  const before = flows.get(name)
  const write = (value: State.Flow | undefined) =>
    value === undefined ? flows.delete(name) : flows.set(name, value)
  state.undo.push(() => write(before))
  write(flow)
}

const flowsOf = (state: State.State, { name, priority, projectId }: RankedSet): ReadonlyArray<State.Flow> =>
  Array.from(State.projectOf(state, projectId).flows.values()).filter(
    (flow) => flow.set === name && flow.priority === priority,
  )

const isIn =
  (set: RankedSet, ofAnyAgent?: { readonly version: string | null }) =>
  (run: RunState): boolean => {
    const { gate, spec } = run
    if (spec.projectId !== set.projectId || spec.priority !== set.priority) return false
    if (set._tag === "Limit") return LimitRules.behindOf(run) === set.limit
    return (
      gate === "runnable" &&
      run.version === (ofAnyAgent ?? set.route).version &&
      spec.implementationKind === set.route.implementationKind &&
      spec.workerKey === set.route.workerKey &&
      (ofAnyAgent !== undefined || spec.agentId === set.route.agentId)
    )
  }

const lowest = (values: ReadonlyArray<number>): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => Math.min(a, b))

const lowestRank = (state: State.State, isOfSet: (run: RunState) => boolean): number | null =>
  lowest(
    Array.from(state.pending).flatMap(({ state: run }) => (run.rank > 0 && isOfSet(run) ? [run.rank] : [])),
  )

/** The lowest rank of all agents of a route. A route of one version begins no lower than what goes to any version. */
const ofRoute = (state: State.State, set: RankedSet): number | null => {
  if (set._tag === "Limit") return null
  const any = lowestRank(state, isIn(set, { version: null }))
  const own = set.route.version === null ? any : lowestRank(state, isIn(set, set.route))
  return any === null || own === null ? (any ?? own) : Math.max(any, own)
}

export const make = (state: State.State): FlowRows<never> => ({
  read: (wanted) =>
    Effect.sync(() =>
      wanted.map(({ keys, set }) => {
        const flows = flowsOf(state, set)
        const finishes = flows.map(({ finish }) => finish)
        return {
          waiting: lowestRank(state, isIn(set)),
          ofRoute: ofRoute(state, set),
          last: finishes.length === 0 ? null : finishes.reduce((a, b) => Math.max(a, b)),
          least: lowest(finishes),
          finishes: new Map(
            flows.flatMap(({ finish, key }) => (keys.includes(key) ? [[key, finish] as const] : [])),
          ),
        }
      }),
    ),

  move: (changes) =>
    Effect.sync(() => {
      for (const { by, from, key, set } of changes) {
        const before = State.projectOf(state, set.projectId).flows.get(nameOf(set, key))
        const finish = Math.max(before?.finish ?? 0, from) + by
        put(state, set, key, {
          set: set.name,
          priority: set.priority,
          key,
          finish,
          updatedAt: state.instant,
        })
      }
    }),

  forget: (sets, most) =>
    Effect.sync(() => {
      const gone = sets.flatMap(({ set, upTo }) =>
        flowsOf(state, set).flatMap(({ finish, key }) => (finish <= upTo ? [{ set, key }] : [])),
      )
      for (const { key, set } of gone.slice(0, most)) put(state, set, key, undefined)
    }),
})

/** Deletes the keys whose last run entered its set by then. */
export const prune = ({ flows }: State.ProjectState, before: number): void => {
  for (const [name, { updatedAt }] of flows) if (updatedAt <= before) flows.delete(name)
}
