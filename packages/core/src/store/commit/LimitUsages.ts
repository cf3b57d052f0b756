/**
 * The limits of one commit: what its transitions add to their counts, and the limits as the store has them.
 *
 * The counts follow from the states of runs alone, so they are equal to a count of the rows at every commit.
 *
 * @since 0.1.0
 */
import type { RunState } from "../../rules/RunState.js"
import * as LimitRules from "../../rules/LimitRules.js"
import type { LimitChange } from "../rows/LimitRows.js"

/** A limit of the commit. `usage`: as the store has it, locked; undefined until it is read, and null where it does not exist. */
interface Entry extends LimitRules.LimitRef {
  readonly added: { running: number; open: number; stale: number; behind: number; parked: number }
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
  /** Whether one more run may work; false of a limit that is not stored. */
  readonly mayStart: (limit: LimitRules.LimitRef) => boolean
  /** Whether the limit is of all runs of an agent; undefined where the commit has not read it. */
  readonly governs: (limit: LimitRules.LimitRef) => boolean | undefined
  /** Whether there is something to take. */
  readonly someChanged: () => boolean
  /** What is to be added to the rows of the store. */
  readonly take: () => ReadonlyArray<LimitChange>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): LimitUsages => {
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()

  const entryOf = ({ limit, projectId }: LimitRules.LimitRef): Entry => {
    const name = LimitRules.refName({ limit, projectId })
    const before = entries.get(name)
    if (before !== undefined) return before
    const added = { ...LimitRules.noRuns }
    const entry: Entry = { limit, projectId, added, usage: undefined }
    entries.set(name, entry)
    return entry
  }

  return {
    changed: (before, after) => {
      for (const limit of LimitRules.limitsOf(after)) {
        const was = before && LimitRules.countOf(before, limit.limit)
        const is = LimitRules.countOf(after, limit.limit)
        if (was === is) continue
        const entry = entryOf(limit)
        if (was !== undefined) entry.added[was] -= 1
        if (is !== undefined) entry.added[is] += 1
        changed.add(entry)
      }
    },
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
    mayStart: (limit) => {
      const { added, usage } = entryOf(limit)
      return usage != null && LimitRules.mayStart({ ...usage, running: usage.running + added.running })
    },
    someChanged: () => changed.size > 0,
    take: () => {
      const changes = Array.from(changed, (entry): LimitChange => {
        const { added, checkAt, limit, projectId } = entry
        const change = { limit, projectId, ...added, ...(checkAt === undefined ? {} : { checkAt }) }
        Object.assign(added, LimitRules.noRuns)
        entry.checkAt = undefined
        return change
      })
      changed.clear()
      return changes
    },
  }
}
