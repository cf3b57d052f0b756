/**
 * Fairness between the keys of a route: the ranks of one commit's new runs, and of the runs that its transitions let into a set. A commit
 * enters it once this process has met a run with a fairness key.
 *
 * A run that a waiting claim gets in the same commit enters no set, so it has no rank and moves no key on.
 *
 * Source: docs/decisions/0105-fairness.md
 */
import { Effect } from "effect"
import * as FairRules from "../rules/FairRules.js"
import type { RunState } from "../rules/RunState.js"
import { type Transition, transition } from "../rules/Transition.js"
import type { RunRows, StoredRun } from "../rows/RunRows.js"
import type { WantedRanks } from "../rows/FlowRows.js"
import type { AddedRun } from "../rows/StoredRun.js"

/** A run, of which only the route and the priority matter. */
type Routed = Pick<RunState, "spec" | "version">

/**
 * The routes and priorities at which this process has met runs with a fairness key, so that a commit of other runs reads no ranks.
 *
 * A process that has met none yet does not rank runs without a key: they go before those with one, until it claims or submits one.
 */
export interface Routes {
  readonly add: (run: Routed) => void
  readonly has: (run: Routed) => boolean
  readonly remove: (run: Routed) => void
  /** Whether there are any. */
  readonly some: () => boolean
}

const routeOf = (run: Routed): string =>
  `${run.spec.projectId}/${run.spec.priority}/${FairRules.routeName(FairRules.routeOf(run))}`

/** `most`: the largest number of routes; the one that was added first is removed. */
export const makeRoutes = (most = 10_000): Routes => {
  const names = new Set<string>()
  return {
    add: (run) => {
      names.add(routeOf(run))
      if (names.size > most) names.delete(names.values().next().value!)
    },
    has: (run) => names.size > 0 && names.has(routeOf(run)),
    remove: (run) => void names.delete(routeOf(run)),
    some: () => names.size > 0,
  }
}

export interface Fairness<X> {
  /** Ranks new runs, and returns them in their order. */
  readonly rankNew: (added: ReadonlyArray<AddedRun>) => Effect.Effect<ReadonlyArray<AddedRun>, X>
  /** Ranks the runs of the batch that have entered a set, from the oldest on. It comes before each write of states. */
  readonly rank: Effect.Effect<void, X>
  /** Writes how far the keys have moved on: one effect for each statement, none where none has. Comes last. */
  readonly store: () => ReadonlyArray<Effect.Effect<void, X>>
}

/** What it needs of a commit. `entered` takes the runs that may have entered a set with ranks since it was called last. */
export interface Commit {
  readonly apply: (run: StoredRun, transition: Transition) => StoredRun
  readonly entered: () => Array<StoredRun>
}

/** A key of a set, as this commit moves it on. */
interface Flow {
  readonly key: string
  readonly from: number
  by: number
}

/** A set of the commit. `now`: its virtual time. */
interface Entry {
  readonly set: FairRules.RankedSet
  readonly now: number
  readonly least: number | null
  readonly isRanked: boolean
  readonly flows: Map<string, Flow>
}

const nameOf = ({ name, priority, projectId }: FairRules.RankedSet): string =>
  `${projectId}/${priority}/${name}`

export const enter = <X>(runs: Commit, rows: RunRows<X>, routes: Routes): Fairness<X> => {
  const entries = new Map<string, Entry>()

  /** Whether a run is in a set, and has a key or shares the set with runs that have one. */
  const mayBeRanked = (state: RunState): boolean =>
    (state.spec.fairness !== null || routes.has(state)) && FairRules.setOf(state) !== undefined

  const entryOf = ({ set }: WantedRanks, ranks: FairRules.SetRanks): Entry => {
    const before = entries.get(nameOf(set))
    if (before !== undefined) return before
    const now = FairRules.virtualTime(ranks)
    const isRanked = ranks.waiting !== null
    const entry: Entry = { set, now, least: ranks.least, isRanked, flows: new Map() }
    entries.set(nameOf(set), entry)
    return entry
  }

  /** Reads the sets that these runs enter, and the keys that the commit has not read yet. */
  const read = (states: ReadonlyArray<RunState>): Effect.Effect<void, X> => {
    const wanted = new Map<string, { readonly set: FairRules.RankedSet; readonly keys: Set<string> }>()
    for (const state of states) {
      const set = FairRules.setOf(state)
      const key = FairRules.keyOf(state.spec)
      if (set === undefined || entries.get(nameOf(set))?.flows.has(key) === true) continue
      const before = wanted.get(nameOf(set))
      if (before === undefined) wanted.set(nameOf(set), { set, keys: new Set([key]) })
      else before.keys.add(key)
    }
    if (wanted.size === 0) return Effect.void
    const all = Array.from(wanted.values(), ({ keys, set }): WantedRanks => ({ set, keys: [...keys] }))
    return Effect.map(rows.flows.read(all), (found) => {
      for (const [index, each] of all.entries()) {
        const ranks = found[index]!
        const entry = entryOf(each, ranks)
        for (const key of each.keys) {
          const from = Math.max(entry.now, ranks.finishes.get(key) ?? 0)
          entry.flows.set(key, { key, from, by: 0 })
        }
      }
    })
  }

  /** Whether a run with a key waits in the set, or enters it in this commit. */
  const isShared = ({ flows, isRanked }: Entry): boolean =>
    isRanked || Array.from(flows.values()).some(({ by, key }) => key !== "" || by > 0)

  /** The rank of a run that enters a set, and moves its key on; 0 where all that wait there are without a key. */
  const next = (state: RunState): number => {
    const set = FairRules.setOf(state)
    const entry = set && entries.get(nameOf(set))
    if (entry === undefined) return 0
    if (!isShared(entry)) {
      if (entry.set._tag === "Route") routes.remove(state)
      return 0
    }
    const flow = entry.flows.get(FairRules.keyOf(state.spec))!
    const rank = flow.from + flow.by
    flow.by += FairRules.chargeOf(state.spec)
    return rank
  }

  const rank: Effect.Effect<void, X> = Effect.suspend(() => {
    const entered = runs
      .entered()
      .filter(({ state }) => mayBeRanked(state))
      .sort((a, b) => a.key - b.key)
    if (entered.length === 0) return Effect.void
    return Effect.map(read(entered.map(({ state }) => state)), () => {
      for (const run of entered) runs.apply(run, transition({ ...run.state, rank: next(run.state) }))
    })
  })

  return {
    rank,

    rankNew: (added) => {
      for (const { run } of added) if (run.state.spec.fairness !== null) routes.add(run.state)
      const isEntering = ({ run: { state } }: AddedRun): boolean => mayBeRanked(state)
      if (!routes.some() || !added.some(isEntering)) return Effect.succeed(added)
      return Effect.map(read(added.filter(isEntering).map(({ run }) => run.state)), () =>
        added.map((each) => {
          if (!isEntering(each)) return each
          const state = { ...each.run.state, rank: next(each.run.state) }
          return { ...each, run: { ...each.run, state }, made: { ...each.made, state } }
        }),
      )
    },

    store: () => {
      const changes = Array.from(entries.values(), ({ flows, set }) =>
        Array.from(flows.values()).flatMap((flow) => (flow.by === 0 ? [] : [{ set, ...flow }])),
      ).flat()
      if (changes.length === 0) return []
      const forgotten = Array.from(entries.values()).flatMap(({ least, now, set }) =>
        least !== null && least <= now ? [{ set, upTo: now }] : [],
      )
      return [
        rows.flows.move(changes),
        ...(forgotten.length === 0 ? [] : [rows.flows.forget(forgotten, FairRules.mostForgotten)]),
      ]
    },
  }
}
