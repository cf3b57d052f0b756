/** Summaries suite: labels of runs, and the searches that begin at one. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import { Summaries, type SummaryFilter } from "@runlease/core/Summaries"
import { Effect } from "effect"
import type * as TestRuns from "../TestRuns.js"
import { submit, titlesOf } from "./Listed.js"

const found = (filter: SummaryFilter) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.runs({ ...filter, limit: 100 }), (page) => [titlesOf(page), page.searched]),
  )

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "one label needs no search; with several, a search begins at the one that the fewest runs have",
    Effect.gen(function* () {
      const [runs, summaries] = [yield* Runs, yield* Summaries]
      for (const name of ["a", "b", "c", "d"]) {
        yield* submit(`#${name}`, { labels: { common: "yes", rare: name === "b" ? "yes" : "no" } })
      }
      yield* submit("#e", { agentId: "other", labels: { common: "yes" } })
      const last = yield* submit("#f")
      const common = { common: "yes" }
      deepStrictEqual(yield* found({ labels: common }), [["#e", "#d", "#c", "#b", "#a"], null])
      deepStrictEqual(yield* found({ labels: { ...common, rare: "yes" } }), [["#b"], 1])
      deepStrictEqual(yield* found({ labels: { ...common, rare: "no" } }), [["#d", "#c", "#a"], 3])
      deepStrictEqual(yield* found({ labels: { ...common, rare: "?" } }), [[], 0])
      deepStrictEqual(yield* found({ labels: common, agentId: Ids.AgentId.make("other") }), [["#e"], 1])
      deepStrictEqual(yield* found({ labels: common, text: "#C" }), [["#c"], 5])
      deepStrictEqual(yield* found({ labels: common, status: "cancelled" }), [[], 0])
      deepStrictEqual(yield* found({ labels: common, conversationId: last.conversationId }), [[], 1])
      deepStrictEqual(yield* found({ labels: {} }), [["#f", "#e", "#d", "#c", "#b", "#a"], null])
      const page = yield* summaries.runs({ labels: common, limit: 2 })
      const next = yield* summaries.runs({ labels: common, limit: 2, cursor: page.next ?? undefined })
      deepStrictEqual(
        [titlesOf(page), titlesOf(next)],
        [
          ["#e", "#d"],
          ["#c", "#b"],
        ],
      )
      const { counts, searched, whole } = yield* summaries.counts({ labels: common })
      deepStrictEqual([counts.pending, searched, whole], [5, 5, true])
      yield* runs.label(last.runId, common)
      deepStrictEqual((yield* summaries.run(last.runId)).labels, common)
      deepStrictEqual((yield* found({ labels: common }))[0], ["#f", "#e", "#d", "#c", "#b", "#a"])
    }),
  )
}
