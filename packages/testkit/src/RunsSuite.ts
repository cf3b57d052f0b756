/** What every `Runs` must do: accept a submission once, end a run once, and resume a waiting run with its answers. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as SubmitSuite from "./SubmitSuite.js"
import * as TestRuns from "./TestRuns.js"
import * as Lists from "./runs/Lists.js"
import * as Debounce from "./runs/Debounce.js"
import * as Outcomes from "./runs/Outcomes.js"
import * as Multitask from "./runs/Multitask.js"

/** Declares the tests of `Runs`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Runs (${name})`, () => {
    Outcomes.tests(test)
    Multitask.tests(test)
    Debounce.tests(test)
    Lists.tests(test)
  })

  SubmitSuite.suite(name, layer)
}
