import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Effect } from "effect"
import * as DeliberateFaults from "../src/DeliberateFaults.js"
import * as Simulation from "../src/Simulation.js"
import * as SimulationSuite from "../src/SimulationSuite.js"

const memory = { store: MemoryControlPlane.layer, turnsOfLoop: false }

/** A fault that only several control planes on one database show. */
type Shared = "lease-after-undo"

const shown: Readonly<Record<Exclude<SimulationSuite.FaultName, Shared>, SimulationSuite.Shown>> = {
  "renewal-without-epoch": { seed: 8, breaks: "fenced" },
  "same-epoch": { seed: 1, breaks: "fenced" },
  "append-checked-before": { seed: 14, breaks: "fenced" },
  "lapsed-append": { seed: 238, breaks: "fenced" },
  "lapsed-complete": { seed: 29, breaks: "fenced" },
  "deadline-from-answer": { seed: 40, breaks: "one-holder" },
  "one-too-many": { seed: 39, breaks: "waits-hold-nothing" },
  "no-marks": { seed: 1, breaks: "log-is-ag-ui" },
  "no-closings": { seed: 1, breaks: "log-is-ag-ui" },
  "no-cursor": { seed: 3, breaks: "log-is-ag-ui" },
  "record-after-effect": { seed: 27, breaks: "steps-once" },
  "cancel-only-pushed": { seed: 277, breaks: "cancel-is-state" },
  "last-outcome-wins": { seed: 39, breaks: "nothing-twice" },
  "lost-outcome": { seed: 1, breaks: "nothing-twice" },
  "lost-submission": { seed: 8, breaks: "nothing-twice" },
  "no-lanes": { seed: 17, breaks: "lanes-keep-order" },
  "no-bound": { seed: 1, breaks: "poison-stops" },
  "no-keys": { seed: 3, breaks: "messages-once" },
  "another-child": { seed: 70, breaks: "steps-once" },
  "child-end-twice": { seed: 12, breaks: "log-is-ag-ui" },
  "charged-again": { seed: 161, breaks: "budgets-are-exact" },
  "lost-wake-up": { seed: 221, breaks: "each-run-ends" },
  "early-join": { seed: 21, breaks: "children-once" },
  "declared-again": { seed: 5, breaks: "ticks-once" },
  "uncounted-ticks": { seed: 2, breaks: "ticks-once" },
  "one-over-limit": { seed: 1, breaks: "limits-hold" },
  "lost-pause": { seed: 2, breaks: "limits-hold" },
  "leaked-place": { seed: 3, breaks: "limits-hold" },
}

SimulationSuite.faults("memory", memory, shown)

describe("Simulation of faults", () => {
  it.live("shows the fault by a smaller plan, which can be played again", () =>
    Effect.gen(function* () {
      const name = "deadline-from-answer"
      const subject = { ...memory, fault: DeliberateFaults.all[name] }
      const found = yield* SimulationSuite.planFor(memory, name, shown[name])
      const report = yield* Simulation.search(subject, { from: found.seed, seeds: 1 })
      yield* Console.log(Simulation.show(name, report, String))
      assertTrue(report._tag === "Broken")
      strictEqual(report.violations[0]?.invariant, shown[name].breaks)
      // Of all that goes wrong in the plan, the pause of a worker that holds a lease is left.
      assertTrue(found.faults.length > 1)
      deepStrictEqual(
        report.plan.faults.map(({ _tag }) => _tag),
        ["Pause"],
      )
      deepStrictEqual(yield* Simulation.play(subject, report.plan), report.history)
    }),
  )
})
