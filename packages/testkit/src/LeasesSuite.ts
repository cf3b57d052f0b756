/** What every `Leases` must do: renew, release, suspend and complete for the holder, and refuse every other caller. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"
import * as Holder from "./leases/Holder.js"
import * as Budgets from "./leases/Budgets.js"
import * as Children from "./leases/Children.js"
import * as Deadlocks from "./leases/Deadlocks.js"
import * as Inbox from "./leases/Inbox.js"
import * as Programs from "./leases/Programs.js"
import * as TimeLimits from "./leases/TimeLimits.js"
import * as Questions from "./leases/Questions.js"

/** Declares the tests of `Leases`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Leases (${name})`, () => {
    Holder.tests(test)
    Questions.tests(test)
    Children.tests(test)
    Deadlocks.tests(test)
    Inbox.tests(test)
    Programs.tests(test)
    Budgets.tests(test)
    TimeLimits.tests(test)
  })
}
