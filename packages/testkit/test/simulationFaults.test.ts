import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/core"
import { Console, Effect } from "effect"
import * as DeliberateFaults from "../src/DeliberateFaults.js"
import type * as HistoryChecker from "../src/HistoryChecker.js"
import * as Simulation from "../src/Simulation.js"

/** The first seed of each fault is one from which the search takes few. */
const expected: Readonly<
  Record<keyof typeof DeliberateFaults.all, { readonly from: number; readonly breaks: HistoryChecker.Name }>
> = {
  "deadline-from-answer": { from: 230, breaks: "one-holder" },
}

describe("Simulation of faults", () => {
  for (const [name, { breaks, from }] of Object.entries(expected)) {
    const fault: DeliberateFaults.DeliberateFault =
      DeliberateFaults.all[name as keyof typeof DeliberateFaults.all]
    it.live(`finds that ${fault.sentence}`, () =>
      Effect.gen(function* () {
        const subject = { store: MemoryControlPlane.layer, turnsOfLoop: false, fault }
        const report = yield* Simulation.search(subject, { from, seeds: 100 })
        yield* Console.log(Simulation.show(name, report, String))
        assertTrue(report._tag === "Broken")
        strictEqual(report.violations[0]?.invariant, breaks)
        // The plan alone makes the history, so it gives the same one again.
        deepStrictEqual(yield* Simulation.play(subject, report.plan), report.history)
        // Without the fault the plan breaks nothing.
        const { fault: _fault, ...correct } = subject
        strictEqual((yield* Simulation.search(correct, { from: report.seed, seeds: 1 }))._tag, "Kept")
      }),
    )
  }
})
