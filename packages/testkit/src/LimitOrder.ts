/**
 * The order in which the runs of a random history with limits start.
 *
 * Runs of one key and route that have not started go by priority and then by age. A place that is lost lets a run of another route in, which
 * may have a lower priority. So priorities are compared while no run of the key has waited long enough to lose its place. The limit
 * of an agent is the second one of a run with a key, and no run changes places there, so such runs are compared by age alone.
 */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { ClaimedRun, Run } from "@runlease/core/Run"
import { LimitRules } from "@runlease/core/store"
import { DateTime, Effect } from "effect"

/** A run that has not been claimed, and has not been delayed. */
interface Fresh {
  readonly runId: string
  readonly key: string | null
  readonly agentId: string
  readonly priority: number
}

/** @category models */
export interface LimitOrder {
  readonly submitted: (run: Fresh) => void
  readonly cancelled: (runId: string) => void
  /** Checks that no run has started before others of its key and route. */
  readonly started: (claimed: ReadonlyArray<ClaimedRun>) => void
  /** Notes which keys may have lost places by now. */
  readonly settle: (unfinished: ReadonlyArray<Run>) => Effect.Effect<void>
}

/**
 * `governed`: the agents that have got a limit.
 *
 * @category constructors
 */
export const make = (governed: ReadonlySet<string>): LimitOrder => {
  let fresh: ReadonlyArray<Fresh> = []
  const unsettled = new Set<string | null>()

  const goesBefore = (run: Fresh, other: Fresh, isOlder: boolean): boolean => {
    if (other.key !== run.key || other.agentId !== run.agentId) return false
    if (other.priority === run.priority) return isOlder
    return other.priority > run.priority && !unsettled.has(run.key) && !governed.has(run.agentId)
  }

  return {
    submitted: (run) => {
      fresh = [...fresh, run]
    },
    cancelled: (cancelled) => {
      fresh = fresh.filter(({ runId }) => runId !== cancelled)
    },
    started: (claimed) => {
      const isClaimed = ({ runId }: Fresh): boolean => claimed.some((run) => run.runId === runId)
      for (const [at, run] of fresh.entries()) {
        if (!isClaimed(run)) continue
        const before = fresh.filter((other, index) => !isClaimed(other) && goesBefore(run, other, index < at))
        deepStrictEqual(before, [], `${run.runId} started before others`)
      }
      fresh = fresh.filter((run) => !isClaimed(run))
    },
    settle: (unfinished) =>
      Effect.map(DateTime.now, (now) => {
        const pending = unfinished.filter(({ status }) => status === "pending")
        for (const key of unsettled) {
          if (!pending.some(({ concurrencyKey }) => concurrencyKey === key)) unsettled.delete(key)
        }
        for (const { concurrencyKey, createdAt } of pending) {
          if (createdAt.epochMillis <= now.epochMillis - LimitRules.placeMillis) unsettled.add(concurrencyKey)
        }
      }),
  }
}
