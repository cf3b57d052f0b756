/**
 * The admission of runs that are behind limits: those that are next take the places that a commit has freed.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as LimitRules from "../../rules/LimitRules.js"
import type { RunRows, StoredRun } from "../rows/RunRows.js"
import type { BatchRuns } from "./BatchRuns.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Admission<X> {
  /** Writes the counts of the limits that have changed, and lets the next runs in, or the last ones out. The states of runs are written before. */
  readonly admit: Effect.Effect<void, X>
  /** Reads the limits of these runs that the commit has not read yet, and locks them. */
  readonly lock: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<void, X>
  /** Whether no limit is in the way of the claim of a runnable run. */
  readonly mayStart: (run: StoredRun) => boolean
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(runs: BatchRuns<X>, rows: RunRows<X>, now: number): Admission<X> => {
  const { add, apply, limits, write } = runs

  /** Lets the next runs of a limit in, and gives how many. */
  const openNext = (usage: LimitRules.LimitUsage): Effect.Effect<number, X> => {
    const most = Math.min(LimitRules.room(usage), usage.behind, LimitRules.mostOpened)
    if (most <= 0) return Effect.succeed(0)
    return Effect.map(rows.limits.next(usage, most), (found) => {
      for (const run of found.map(add)) apply(run, LimitRules.open(run.state, now))
      return found.length
    })
  }

  /** Puts the last of the open runs back where there are more than the limit allows, and gives how many. */
  const closeLast = (usage: LimitRules.LimitUsage): Effect.Effect<number, X> => {
    const most = Math.min(-LimitRules.room(usage), usage.open, LimitRules.mostOpened)
    if (most <= 0) return Effect.succeed(0)
    return Effect.map(rows.limits.lastOpen(usage, most), (found) => {
      for (const run of found.map(add)) apply(run, LimitRules.putBack(run.state, now))
      return found.length
    })
  }

  const change = Effect.suspend(() =>
    Effect.tap(rows.limits.change(limits.take()), (usages) => Effect.sync(() => limits.stored(usages))),
  )

  const admit: Effect.Effect<void, X> = Effect.gen(function* () {
    if (!limits.someChanged()) return
    const usages = yield* change
    for (const usage of usages) {
      const closed = yield* closeLast(usage)
      const opened = closed > 0 ? 0 : yield* openNext(usage)
      const more = opened - closed
      const after = { ...usage, open: usage.open + more, behind: usage.behind - more }
      const checkAt = LimitRules.checkAfter(after, opened, now)
      if (more !== 0 || checkAt !== usage.checkAt) limits.touch(usage, checkAt)
    }
    if (!limits.someChanged()) return
    yield* write
    yield* change
  })

  return {
    admit,
    lock: (found) => {
      const refs = new Map(
        found.flatMap(({ state }) => {
          const limit = LimitRules.limitOf(state)
          return limit === undefined || limits.isStored(limit)
            ? []
            : [[`${limit.projectId}/${limit.limit}`, limit] as const]
        }),
      )
      return refs.size === 0 ? Effect.void : Effect.map(rows.limits.lock([...refs.values()]), limits.stored)
    },
    mayStart: ({ state }) => {
      const limit = LimitRules.limitOf(state)
      return limit === undefined || limits.mayStart(limit)
    },
  }
}
