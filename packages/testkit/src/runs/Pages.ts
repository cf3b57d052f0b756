/** Pages of lists, for tests of runs. */
import { type ListRuns, Runs } from "@runlease/core/Runs"
import { Effect } from "effect"

/** The public ids of all pages of a list. */
export const found = (options: ListRuns) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const ids: Array<string> = []
    let cursor: string | undefined
    do {
      const page = yield* runs.list({ ...options, limit: 2, cursor })
      ids.push(...page.items.map(({ runId }) => runId))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return ids
  })
