/**
 * The limits of one commit: what its transitions add to their counts, and the admission of runs that are behind them, which take the places
 * that the commit has freed. A commit enters it at the first run that has a limit, or where a limit is of all runs of an agent or a project.
 *
 * Source: docs/decisions/0102-limits.md
 */
import type * as Ids from "@runlease/core/Ids"
import { Effect } from "effect"
import type { RunState } from "../rules/RunState.js"
import type { Transition } from "../rules/Transition.js"
import * as LimitKey from "../rules/LimitKey.js"
import * as LimitPlaces from "../rules/LimitPlaces.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as RateRules from "../rules/RateRules.js"
import type { LimitChange } from "../rows/LimitRows.js"
import type { RunRows, StoredRun } from "../rows/RunRows.js"

/**
 * A limit of the commit. `usage`: as the store has it, locked; undefined until it is read, and null where it does not exist. `arrived`: the
 * priorities of the runs that have come behind it and had no place before.
 */
interface Entry extends LimitRules.LimitRef {
  readonly arrived: Array<number>
  readonly added: { -readonly [K in keyof LimitRules.LimitCounts]: number }
  /** How many runs have started for the first time, each of which takes a token. */
  starts: number
  checkAt?: number | null | undefined
  usage: LimitRules.LimitUsage | null | undefined
}

interface Usages {
  /** Adds what a transition of a run changes; `before` is undefined for a new run. */
  readonly changed: (before: RunState | undefined, after: RunState) => void
  /** Lets the commit look for runs that may be let in, and sets when the limit is looked at again. */
  readonly touch: (limit: LimitRules.LimitRef, checkAt?: number | null) => void
  /** Takes limits as the store has them, without what `take` has not returned yet. */
  readonly stored: (usages: ReadonlyArray<LimitRules.LimitUsage>) => void
  /** Those of these limits that the commit has not read yet. */
  readonly unread: (limits: ReadonlyArray<LimitRules.LimitRef>) => ReadonlyArray<LimitRules.LimitRef>
  /** Notes that those of these limits that are not stored do not exist. */
  readonly absent: (limits: ReadonlyArray<LimitRules.LimitRef>) => void
  /**
   * Whether one more run may work, `fresh` where no worker has had it yet, next to `others` that the commit has yet to add; false of a
   * limit that is not stored.
   */
  readonly mayStart: (limit: LimitRules.LimitRef, fresh: boolean, others?: number) => boolean
  /** A limit with what the commit has added to it so far, also where it is not stored yet; undefined where the commit has not read it. */
  readonly current: (limit: LimitRules.LimitRef) => LimitRules.LimitUsage | undefined
  /** The projects at whose limits places are free by this commit: a run has left, or the limit has changed. */
  readonly freed: Set<Ids.ProjectId>
  /** Whether the limit is of all runs of an agent or of a project; undefined where the commit has not read it. */
  readonly governs: (limit: LimitRules.LimitRef) => boolean | undefined
  /** Takes the priorities of the runs that have come behind the limit, their first one, since this was called last. */
  readonly takeArrived: (limit: LimitRules.LimitRef) => ReadonlyArray<number>
  /** Whether there is something to take. */
  readonly someChanged: () => boolean
  /** What is to be added to the rows of the store: those of projects once there is nothing else. Transactions lock them last. */
  readonly take: () => ReadonlyArray<LimitChange>
}

const addTo = (added: Entry["added"], state: RunState, limit: string, one: 1 | -1): void => {
  const count = LimitRules.countOf(state, limit)
  if (count === undefined) return
  added[count] += one
  if (!LimitRules.isFresh(state)) return
  added.fresh += one
  if (count === "open") added.freshOpen += one
}

/** A limit after what a commit adds to it. */
const withAdded = (
  usage: LimitRules.LimitUsage,
  { added, starts }: Entry,
  now: number,
): LimitRules.LimitUsage => ({
  ...LimitRules.plus(usage, added),
  tat: usage.rate === null || starts === 0 ? usage.tat : RateRules.take(usage.rate, usage.tat, starts, now),
})

/** The counts of a commit at `now`: they follow from the states of runs alone, so they are equal to a count of the rows at every commit. */
const usagesAt = (now: number): Usages => {
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  const freed = new Set<Ids.ProjectId>()

  const entryOf = ({ limit, projectId }: LimitRules.LimitRef): Entry => {
    const name = LimitRules.refName({ limit, projectId })
    const before = entries.get(name)
    if (before !== undefined) return before
    const added = { ...LimitRules.noRuns }
    const entry: Entry = { limit, projectId, arrived: [], added, starts: 0, usage: undefined }
    entries.set(name, entry)
    return entry
  }

  const current = (limit: LimitRules.LimitRef): LimitRules.LimitUsage | undefined => {
    const entry = entryOf(limit)
    return entry.usage === undefined
      ? undefined
      : withAdded(entry.usage ?? LimitRules.added(limit, 0), entry, now)
  }

  /** Adds what a transition changes at one limit, and returns the count in which the run was before. */
  const count = (limit: LimitRules.LimitRef, before: RunState | undefined, after: RunState) => {
    const was = before && LimitRules.countOf(before, limit.limit)
    const is = LimitRules.countOf(after, limit.limit)
    if (was === is) return was
    const entry = entryOf(limit)
    if (before !== undefined) addTo(entry.added, before, limit.limit, -1)
    addTo(entry.added, after, limit.limit, 1)
    if (is === "running" && before !== undefined && LimitRules.isFresh(before)) entry.starts += 1
    changed.add(entry)
    if (is === undefined && LimitKey.scopeOf(limit.limit) === "project") freed.add(limit.projectId)
    return was
  }

  return {
    changed: (before, after) => {
      for (const [index, limit] of LimitRules.limitsOf(after).entries()) {
        const was = count(limit, before, after)
        const isNew = was !== "open" && was !== "stale"
        if (index === 0 && isNew && was !== "behind" && LimitRules.countOf(after, limit.limit) === "behind") {
          entryOf(limit).arrived.push(after.spec.priority)
        }
      }
      if (before === undefined || before.limits === after.limits) return
      // A run that works no longer is not under the limit of its project any more.
      for (const limit of LimitRules.limitsOf(before)) {
        if (LimitPlaces.at(after.limits, limit.limit) === undefined) count(limit, before, after)
      }
    },
    freed,
    touch: (limit, checkAt) => {
      const entry = entryOf(limit)
      if (checkAt !== undefined) entry.checkAt = checkAt
      changed.add(entry)
    },
    stored: (usages) => {
      for (const usage of usages) entryOf(usage).usage = usage
    },
    unread: (limits) => {
      const unread = new Map(limits.map((limit) => [LimitRules.refName(limit), limit]))
      return Array.from(unread.values()).filter((limit) => entryOf(limit).usage === undefined)
    },
    absent: (limits) => {
      for (const limit of limits) entryOf(limit).usage ??= null
    },
    governs: (limit) => {
      const { usage } = entryOf(limit)
      return usage == null ? (usage === null ? false : undefined) : LimitRules.governs(usage)
    },
    mayStart: (limit, fresh, others = 0) => {
      const usage = entryOf(limit).usage == null ? undefined : current(limit)
      return (
        usage !== undefined && LimitRules.mayStart({ ...usage, running: usage.running + others }, fresh, now)
      )
    },
    current,
    takeArrived: (limit) => entryOf(limit).arrived.splice(0),
    someChanged: () => changed.size > 0,
    take: () => {
      const others = [...changed].filter(({ limit }) => LimitKey.scopeOf(limit) !== "project")
      const entries = others.length > 0 ? others : [...changed]
      return entries.map((entry): LimitChange => {
        changed.delete(entry)
        const { added, checkAt, limit, projectId } = entry
        const change = {
          limit,
          projectId,
          ...added,
          ...(checkAt === undefined ? {} : { checkAt }),
          ...(entry.starts === 0 || entry.usage?.rate == null ? {} : { tat: current(entry)!.tat }),
        }
        Object.assign(added, LimitRules.noRuns)
        entry.checkAt = undefined
        entry.starts = 0
        return change
      })
    },
  }
}

export interface Limits<X> extends Pick<
  Usages,
  "changed" | "touch" | "current" | "freed" | "governs" | "someChanged"
> {
  /** Whether the limit has room for one more run, next to `others` that the commit has yet to add. */
  readonly hasRoom: (limit: LimitRules.LimitRef, others?: number) => boolean
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
 * What it needs of a commit. `limitsSeen`: whether some limit is of all runs of an agent, and some of those of a project; it may change while
 * the commit decides. `letIn` measures how long a run was behind a limit. `pollMillis`: the time between two looks of the sweeper. `write` writes the states of runs.
 */
export interface Commit<X> {
  readonly now: number
  readonly rows: Pick<RunRows<X>, "limits">
  readonly limitsSeen: Pick<LimitRules.ScopedLimits, "agents" | "projects">
  readonly add: (run: StoredRun) => StoredRun
  readonly apply: (run: StoredRun, transition: Transition) => StoredRun
  readonly letIn: (limit: string, millis: number) => void
  readonly pollMillis: number
  readonly write: Effect.Effect<void, X>
}

export const enter = <X>({
  add,
  apply,
  limitsSeen,
  letIn: measure,
  now,
  pollMillis,
  rows,
  write,
}: Commit<X>): Limits<X> => {
  const limits = usagesAt(now)
  /** How many runs the commit has let in at each limit. */
  const opened = new Map<string, number>()
  let soon = false

  const behindAt = (usage: LimitRules.LimitUsage, found: ReadonlyArray<StoredRun>) =>
    found.map(add).filter(({ state }) => LimitRules.behindOf(state) === usage.limit)

  const openAt = (usage: LimitRules.LimitUsage, found: ReadonlyArray<StoredRun>) =>
    found.map(add).filter(({ state }) => LimitRules.countOf(state, usage.limit) === "open")

  const letIn = (usage: LimitRules.LimitUsage, run: StoredRun): void => {
    measure(usage.limit, Math.max(0, now - run.state.updatedAt))
    apply(run, LimitRules.open(run.state, now))
  }

  /** Lets the next runs of a limit in, and returns how many. */
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
   * Puts the last of the open runs back where there are more than the limit allows, and returns how many: those without a token first. Then
   * the limit has changed, and has its turn again.
   */
  const closeLast = (usage: LimitRules.LimitUsage): Effect.Effect<number, X> => {
    const tokenless = Math.min(-LimitRules.freshRoom(usage, now), usage.freshOpen)
    const fresh = tokenless > 0
    const most = Math.min(fresh ? tokenless : -LimitRules.room(usage), usage.open, LimitRules.mostOpened)
    if (most <= 0) return Effect.succeed(0)
    return Effect.map(rows.limits.placed(usage, { first: "last", most, fresh }), (found) => {
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
        rows.limits.placed(usage, { first: "last", most, fresh }),
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
      if (checkAt !== null && checkAt < now + pollMillis) soon = true
    })

  /** A run that is let in at one limit may be behind the next one, which then takes its turn. */
  const admit: Effect.Effect<void, X> = Effect.gen(function* () {
    while (limits.someChanged()) {
      yield* Effect.forEach(yield* change, balance, { discard: true })
      yield* write
    }
  })

  const governorsOf = ({ state }: StoredRun) => (limitsSeen.agents ? LimitRules.governorsOf(state) : [])
  const projectsOf = ({ state }: StoredRun) => (limitsSeen.projects ? [LimitRules.projectOf(state.spec)] : [])

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
    changed: limits.changed,
    touch: limits.touch,
    current: limits.current,
    freed: limits.freed,
    governs: limits.governs,
    someChanged: limits.someChanged,
    hasRoom: (limit, others) => limits.mayStart(limit, false, others),
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
