/**
 * The admission of runs that are behind limits: those that are next take the places that a commit has freed.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import { Duration, Effect } from "effect"
import * as LimitRules from "../../rules/LimitRules.js"
import type { RunRows, StoredRun } from "../rows/RunRows.js"
import type { BatchRuns } from "./BatchRuns.js"
import type { CommitMeasure } from "./StoreMetrics.js"
import { slowPoll } from "./Wakeups.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Admission<X> {
  /** Writes the counts of the limits that have changed, and lets the next runs in, or the last ones out. The states of runs are written before. */
  readonly admit: Effect.Effect<void, X>
  /** Reads those of these limits that the commit has not read yet, and locks them. */
  readonly lock: (limits: ReadonlyArray<LimitRules.LimitRef>) => Effect.Effect<void, X>
  /** The limits that may be in the way of a run: those of its agent and of its project too, where a limit governs. */
  readonly limitsOf: (run: StoredRun) => ReadonlyArray<LimitRules.LimitRef>
  /** The limit of its agent that a run is to be brought under before it starts; undefined where it is under all. The limits are locked. */
  readonly governor: (run: StoredRun) => string | undefined
  /** The first limit of a run that has no room for one more to work; undefined for none. The limits are locked. */
  readonly full: (run: StoredRun) => string | undefined
  /** The limit of the project of a run; undefined where it has none. The limits are locked. */
  readonly project: (run: StoredRun) => LimitRules.LimitRef | undefined
  /** Reads and locks the limits of the projects of these runs, where there are such limits. */
  readonly lockProjects: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<void, X>
  /** Whether no limit is in the way of the claim of a runnable run; false where the commit has not read one of them. */
  readonly mayStart: (run: StoredRun) => boolean
  /** Whether a limit is to be looked at before the next poll of the sweeper. */
  readonly checksSoon: () => boolean
}

/**
 * What a commit has, beside its runs. `governing`: whether some limit is of all runs of an agent, and some of those of a project, as of
 * now. `measured`: how long runs were behind their limits.
 */
interface Commit {
  readonly governing: Pick<LimitRules.Governs, "agents" | "projects">
  readonly now: number
  readonly measured: Pick<CommitMeasure, "letIn">
}

/**
 * `governing` may change while the commit decides. `write` writes the states of runs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  { add, apply, limits }: BatchRuns<X>,
  rows: RunRows<X>,
  { governing, measured, now }: Commit,
  write: Effect.Effect<void, X>,
): Admission<X> => {
  /** How many runs the commit has let in at each limit. */
  const opened = new Map<string, number>()
  let soon = false

  const behindAt = (usage: LimitRules.LimitUsage, found: ReadonlyArray<StoredRun>) =>
    found.map(add).filter(({ state }) => LimitRules.behindOf(state) === usage.limit)

  const openAt = (usage: LimitRules.LimitUsage, found: ReadonlyArray<StoredRun>) =>
    found.map(add).filter(({ state }) => LimitRules.countOf(state, usage.limit) === "open")

  const letIn = (usage: LimitRules.LimitUsage, run: StoredRun): void => {
    measured.letIn(usage.limit, Math.max(0, now - run.state.updatedAt))
    apply(run, LimitRules.open(run.state, now))
  }

  /** Lets the next runs of a limit in, and gives how many. */
  const openNext = (usage: LimitRules.LimitUsage, so: number): Effect.Effect<number, X> => {
    const most = Math.min(LimitRules.room(usage), usage.behind, LimitRules.mostOpened - so)
    if (most <= 0) return Effect.succeed(0)
    const fresh = Math.max(0, Math.min(most, LimitRules.freshRoom(usage, now)))
    return Effect.map(rows.limits.next(usage, { most, fresh }), (found) => {
      const behind = behindAt(usage, found)
      for (const run of behind) letIn(usage, run)
      return behind.length
    })
  }

  /**
   * Puts the last of the open runs back where there are more than the limit allows, and gives how many: those without a token first. Then
   * the limit has changed, and has its turn again.
   */
  const closeLast = (usage: LimitRules.LimitUsage): Effect.Effect<number, X> => {
    const tokenless = Math.min(-LimitRules.freshRoom(usage, now), usage.freshOpen)
    const fresh = tokenless > 0
    const most = Math.min(fresh ? tokenless : -LimitRules.room(usage), usage.open, LimitRules.mostOpened)
    if (most <= 0) return Effect.succeed(0)
    return Effect.map(rows.limits.lastOpen(usage, { most, fresh }), (found) => {
      const placed = openAt(usage, found)
      for (const run of placed) apply(run, LimitRules.putBack(run.state, usage.limit, now))
      return placed.length
    })
  }

  /** Lets runs that have come behind a full limit change places with open runs of lower priorities. */
  const swap = (usage: LimitRules.LimitUsage): Effect.Effect<void, X> => {
    const arrived = limits.takeArrived(usage)
    // Where tokens alone are missing, the place of a run that needs one is of use.
    const fresh = LimitRules.room(usage) > 0
    if (arrived.length === 0 || usage.open === 0) return Effect.void
    if (fresh && LimitRules.freshRoom(usage, now) > 0) return Effect.void
    return Effect.flatMap(rows.limits.lowestOpen(usage), (lowest) => {
      const higher = lowest === null ? 0 : arrived.filter((priority) => priority > lowest).length
      const most = Math.min(higher, usage.open, LimitRules.mostOpened)
      if (most === 0) return Effect.void
      return Effect.zipWith(
        rows.limits.next(usage, { most, fresh: most }),
        rows.limits.lastOpen(usage, { most, fresh }),
        (next, last) => {
          const open = openAt(usage, last)
          for (const [index, run] of behindAt(usage, next).entries()) {
            const other = open[index]
            if (other === undefined || other.state.spec.priority >= run.state.spec.priority) return
            apply(other, LimitRules.putBack(other.state, usage.limit, now))
            letIn(usage, run)
          }
        },
      )
    })
  }

  const change = Effect.suspend(() =>
    Effect.tap(rows.limits.change(limits.take()), (usages) => Effect.sync(() => limits.stored(usages))),
  )

  const balance = (usage: LimitRules.LimitUsage): Effect.Effect<void, X> =>
    Effect.gen(function* () {
      const name = LimitRules.refName(usage)
      const before = opened.get(name) ?? 0
      const closed = yield* closeLast(usage)
      const more = closed > 0 ? 0 : yield* openNext(usage, before)
      opened.set(name, before + more)
      const change = more - closed
      if (change === 0) yield* swap(usage)
      const after = { ...usage, open: usage.open + change, behind: usage.behind - change }
      const checkAt = LimitRules.checkAfter(after, before + more, now)
      if (change !== 0 || checkAt !== usage.checkAt) limits.touch(usage, checkAt)
      if (checkAt !== null && checkAt < now + Duration.toMillis(slowPoll)) soon = true
    })

  /** A run that is let in at one limit may be behind the next one, which then takes its turn. */
  const admit: Effect.Effect<void, X> = Effect.gen(function* () {
    while (limits.someChanged()) {
      yield* Effect.forEach(yield* change, balance, { discard: true })
      yield* write
    }
  })

  const governorsOf = ({ state }: StoredRun) => (governing.agents ? LimitRules.governorsOf(state) : [])
  const projectsOf = ({ state }: StoredRun) => (governing.projects ? [LimitRules.projectOf(state.spec)] : [])

  const lock = (wanted: ReadonlyArray<LimitRules.LimitRef>): Effect.Effect<void, X> => {
    const refs = limits.unread(wanted)
    return refs.length === 0
      ? Effect.void
      : Effect.map(rows.limits.lock(refs), (usages) => {
          limits.stored(usages)
          limits.absent(refs)
        })
  }

  return {
    admit,
    lock,
    lockProjects: (runs) => lock(runs.flatMap(projectsOf)),
    project: (run) => projectsOf(run).find((limit) => limits.governs(limit) === true),
    limitsOf: (run) => [...LimitRules.limitsOf(run.state), ...governorsOf(run), ...projectsOf(run)],
    governor: (run) => governorsOf(run).find((limit) => limits.governs(limit) === true)?.limit,
    full: ({ state }) =>
      LimitRules.limitsOf(state).find((limit) => !limits.mayStart(limit, LimitRules.isFresh(state)))?.limit,
    mayStart: (run) =>
      LimitRules.limitsOf(run.state).every((limit) =>
        limits.mayStart(limit, LimitRules.isFresh(run.state)),
      ) &&
      governorsOf(run).every((limit) => limits.governs(limit) === false) &&
      projectsOf(run).every((limit) => limits.governs(limit) === false || limits.mayStart(limit, false)),
    checksSoon: () => soon,
  }
}
