/**
 * The limits of concurrency in memory.
 */
import { isUnbounded } from "@runlease/core/Limits"
import { Effect, Iterable } from "effect"
import * as LimitKey from "../rules/LimitKey.js"
import * as LimitPlaces from "../rules/LimitPlaces.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as RateRules from "../rules/RateRules.js"
import type { LimitReads, LimitRows, NamedRef, NamedSetting } from "../rows/LimitRows.js"
import { byPreference, type StoredRun } from "../rows/RunRows.js"
import * as State from "./State.js"

const toStored = ({ key, state }: State.MemoryRun): StoredRun => ({ key, state })

const find = (
  state: State.State,
  { limit, projectId }: LimitRules.LimitRef,
): LimitRules.LimitUsage | undefined => State.projectOf(state, projectId).limits.get(limit)

const put = (state: State.State, usage: LimitRules.LimitUsage): LimitRules.LimitUsage => {
  const { limits } = State.projectOf(state, usage.projectId)
  const before = limits.get(usage.limit)
  state.undo.push(() => {
    if (before === undefined) limits.delete(usage.limit)
    else limits.set(usage.limit, before)
  })
  limits.set(usage.limit, usage)
  return usage
}

const added = (state: State.State, ref: LimitRules.LimitRef): LimitRules.LimitUsage => {
  state.lastLimit += 1
  return LimitRules.added(ref, state.lastLimit)
}

/** The pending runs of a limit, by preference. */
const pendingOf = (state: State.State, { limit, projectId }: LimitRules.LimitRef): Array<StoredRun> =>
  Array.from(
    Iterable.filter(
      state.pending,
      ({ state: { limits, spec } }) =>
        LimitPlaces.at(limits, limit) !== undefined && spec.projectId === projectId,
    ),
    toStored,
  ).sort(byPreference)

const isBehind =
  ({ limit }: LimitRules.LimitRef) =>
  ({ state }: StoredRun): boolean =>
    LimitRules.behindOf(state) === limit

/** The runs that have a place at a limit, by preference. */
const placedOf = (state: State.State, ref: LimitRules.LimitRef): Array<StoredRun> =>
  pendingOf(state, ref).filter((run) => LimitRules.countOf(run.state, ref.limit) === "open")

const sinceAt = ({ state: { limits } }: StoredRun, { limit }: LimitRules.LimitRef): number =>
  LimitPlaces.at(limits, limit)?.since ?? 0

export const all = (state: State.State): Iterable<LimitRules.LimitUsage> =>
  Iterable.flatMap(state.projects.values(), ({ limits }) => limits.values())

const findNamed = (state: State.State, { name, projectId }: NamedRef): NamedSetting | undefined =>
  State.projectOf(state, projectId).namedLimits.get(name)

/** Which limits there are that no submission names. */
export const scopedLimits = (state: State.State): LimitRules.ScopedLimits => {
  const some = (scope: ReturnType<typeof LimitKey.scopeOf>) =>
    Iterable.some(all(state), (usage) => LimitKey.scopeOf(usage.limit) === scope && LimitRules.governs(usage))
  const named = Iterable.some(state.projects.values(), ({ namedLimits }) =>
    Iterable.some(namedLimits.values(), ({ agentIds }) => agentIds.length > 0),
  )
  return { agents: some("agent"), projects: some("project"), named }
}

export const make = (state: State.State): LimitRows<never> => ({
  set: (settings) =>
    Effect.sync(() => {
      for (const { maxPending, maxRunning, paused, rate, ...ref } of settings) {
        const usage = find(state, ref) ?? added(state, ref)
        put(state, {
          ...usage,
          maxRunning: maxRunning === undefined ? usage.maxRunning : maxRunning,
          rate: rate === undefined ? usage.rate : rate,
          maxPending: maxPending === undefined ? usage.maxPending : maxPending,
          paused: paused ?? usage.paused,
        })
      }
    }),

  define: (settings) =>
    Effect.sync(() => {
      for (const setting of settings) {
        const { name, projectId, agentIds: _agentIds, keyFrom: _keyFrom, ...bounds } = setting
        const project = State.projectOf(state, projectId)
        const before = project.namedLimits.get(name)
        const setTo = (to: NamedSetting | undefined): void => {
          if (to === undefined) project.namedLimits.delete(name)
          else project.namedLimits.set(name, to)
        }
        setTo(isUnbounded(bounds) ? undefined : setting)
        state.undo.push(() => setTo(before))
        const { rate } = bounds
        for (const usage of project.limits.values()) {
          if (!usage.limit.startsWith(LimitKey.prefixOf(name))) continue
          const tat = rate === null ? usage.tat : Math.min(usage.tat, RateRules.latest(rate, state.instant))
          const checkAt = LimitRules.isUnused(usage) ? null : state.instant
          put(state, { ...usage, ...bounds, tat, checkAt })
        }
      }
    }),

  ofAgents: (agents) =>
    Effect.sync(() =>
      agents.flatMap(({ agentId, projectId }) =>
        Array.from(State.projectOf(state, projectId).namedLimits.values()).flatMap(({ agentIds, name }) =>
          agentIds.includes(agentId) ? [{ projectId, agentId, name }] : [],
        ),
      ),
    ),

  defined: (names) => Effect.sync(() => names.flatMap((name) => findNamed(state, name) ?? [])),

  lock: (limits) => Effect.sync(() => limits.flatMap((limit) => find(state, limit) ?? [])),

  change: (changes) =>
    Effect.sync(() =>
      changes.map((change) => {
        const usage = find(state, change)!
        return put(state, {
          ...LimitRules.plus(usage, change),
          tat: change.tat ?? usage.tat,
          checkAt: change.checkAt === undefined ? usage.checkAt : change.checkAt,
        })
      }),
    ),

  next: (usage, { fresh, most }) =>
    Effect.sync(() => {
      let left = fresh
      const pending = pendingOf(state, usage)
      const stale = pending.filter((run) => LimitRules.countOf(run.state, usage.limit) === "stale")
      return pending
        .filter(isBehind(usage))
        .filter((run) => !stale.some((other) => LimitRules.sameRoute(other.state, run.state)))
        .filter((run) => !LimitRules.isFresh(run.state) || left-- > 0)
        .slice(0, most)
    }),

  placed: (limit, { first, fresh, most }) =>
    Effect.sync(() => {
      const runs = placedOf(state, limit).filter((run) => !fresh || LimitRules.isFresh(run.state))
      const ordered =
        first === "last" ? runs.toReversed() : runs.sort((a, b) => sinceAt(a, limit) - sinceAt(b, limit))
      return ordered.slice(0, most)
    }),

  lowestOpen: (limit) => Effect.sync(() => placedOf(state, limit).at(-1)?.state.spec.priority ?? null),

  ofAgent: ({ agentId, after, projectId }, most) =>
    Effect.sync(() =>
      Array.from(state.records.values())
        .filter(
          ({ key, state: { holder, spec, status } }) =>
            key > after &&
            spec.projectId === projectId &&
            spec.agentId === agentId &&
            (status === "pending" || status === "waiting" || (status === "running" && holder !== null)),
        )
        .slice(0, most)
        .map(toStored),
    ),

  due: Effect.sync(() =>
    Array.from(Iterable.filter(all(state), ({ checkAt }) => checkAt !== null && checkAt <= state.instant)),
  ),
})

export const reads = (state: State.State): LimitReads<never> => ({
  list: (projectId, { before, limit }) =>
    Effect.sync(() =>
      Array.from(State.projectOf(state, projectId).limits.values())
        .filter((usage) => usage.key < before && !LimitRules.isIdle(usage))
        .sort((a, b) => b.key - a.key)
        .slice(0, limit),
    ),
  named: (limit) => Effect.sync(() => findNamed(state, limit)),
  find: (limit) => Effect.sync(() => find(state, limit)),
})
