/**
 * The port of limits over a store.
 *
 * @since 0.1.0
 */
import { Effect, Either, Function } from "effect"
import type * as Ids from "../../model/Ids.js"
import { keysOf } from "../../model/Page.js"
import type { Limit, Limits } from "../../ports/Limits.js"
import * as LimitKey from "../../rules/LimitKey.js"
import type { LimitRef, LimitUsage } from "../../rules/LimitRules.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { LimitSetting } from "../rows/LimitRows.js"
import type { StoreReads } from "../rows/StoreReads.js"

const toLimit = ({ behind, limit, maxRunning, open, paused, running, stale }: LimitUsage): Limit => ({
  concurrencyKey: LimitKey.keyOf(limit),
  maxRunning,
  paused,
  running,
  open: open + stale,
  waiting: behind,
})

/** Sets limits, and lets in the runs that have room then. Of two settings of one limit in a commit the later one stands. */
const set = <X>(): RunOperation<LimitSetting, LimitRef, LimitRef, never, X> => ({
  name: "Limits.set",
  decide: (settings, { limits, rows }) => {
    const named = new Map(settings.map((setting) => [`${setting.projectId}/${setting.limit}`, setting]))
    for (const setting of named.values()) limits.touch(setting)
    return Effect.as(rows.limits.set([...named.values()]), settings.map(Either.right))
  },
  answer: Function.identity,
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
): ((projectId: Ids.ProjectId) => Limits["Type"]) => {
  const setting = commits.operation(set<X>())

  return (projectId) => {
    const pausing = (operation: string, paused: boolean) =>
      Effect.fnUntraced(function* (concurrencyKey: string) {
        const limit = yield* setting({ projectId, limit: LimitKey.ofKey(concurrencyKey), paused })
        const found = yield* reads.read(operation, ({ limits }) => limits.find(limit))
        const idle = { running: 0, open: 0, stale: 0, behind: 0, parked: 0, maxRunning: null, checkAt: null }
        // A limit that was not used may be deleted once it is no longer paused.
        return toLimit(found ?? { ...limit, ...idle, key: 0, paused })
      })

    return {
      list: Effect.fnUntraced(function* (page = {}) {
        const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(page.cursor, [Number.MAX_SAFE_INTEGER])
        const limit = KeysetPage.limitOf(page)
        const rows = yield* reads.read("Limits.list", ({ limits }) =>
          limits.list(projectId, { before, limit: limit + 1 }),
        )
        return KeysetPage.pageOf(rows, limit, ({ key }) => [key], toLimit)
      }),
      pause: pausing("Limits.pause", true),
      resume: pausing("Limits.resume", false),
    }
  }
}
