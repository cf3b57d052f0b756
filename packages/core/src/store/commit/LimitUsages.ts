/**
 * The limits of one commit: what its transitions add to their counts, and the limits as the store has them.
 *
 * The counts follow from the states of runs alone, so they are equal to a count of the rows at every commit.
 *
 * @since 0.1.0
 */
import type * as Ids from "../../model/Ids.js"
import type { RunState } from "../../rules/RunState.js"
import * as LimitKey from "../../rules/LimitKey.js"
import * as LimitPlaces from "../../rules/LimitPlaces.js"
import * as LimitRules from "../../rules/LimitRules.js"
import * as RateRules from "../../rules/RateRules.js"
import type { LimitChange } from "../rows/LimitRows.js"

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

/**
 * @since 0.1.0
 * @category models
 */
export interface LimitUsages {
  /** Adds what a transition of a run changes; `before` is undefined for a new run. */
  readonly changed: (before: RunState | undefined, after: RunState) => void
  /** Lets the commit look for runs that may be let in, and sets when the limit is looked at again. */
  readonly touch: (limit: LimitRules.LimitRef, checkAt?: number | null) => void
  /** Takes limits as the store has them, without what `take` has not given yet. */
  readonly stored: (usages: ReadonlyArray<LimitRules.LimitUsage>) => void
  /** Those of these limits that the commit has not read yet. */
  readonly unread: (limits: ReadonlyArray<LimitRules.LimitRef>) => ReadonlyArray<LimitRules.LimitRef>
  /** Notes that those of these limits that are not stored do not exist. */
  readonly absent: (limits: ReadonlyArray<LimitRules.LimitRef>) => void
  /**
   * Whether one more run may work, `fresh` where no worker has had it yet, beside `others` that the commit has yet to add; false of a
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

/**
 * `now` is the instant of the commit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (now: number): LimitUsages => {
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

  /** Adds what a transition changes at one limit, and gives as what the run counted there. */
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
      const taken = others.length > 0 ? others : [...changed]
      return taken.map((entry): LimitChange => {
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
