/** What every `Runs` must do: accept a submission once, end a run once, and resume a waiting run with its answers. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as SubmitSuite from "./SubmitSuite.js"
import * as TestRuns from "./TestRuns.js"
import * as Batch from "./runs/Batch.js"
import * as Conditions from "./runs/Conditions.js"
import * as Debounce from "./runs/Debounce.js"
import * as Labels from "./runs/Labels.js"
import * as Outcomes from "./runs/Outcomes.js"
import * as Multitask from "./runs/Multitask.js"
import * as Steering from "./runs/Steering.js"
import * as Times from "./runs/Times.js"
import * as Sessions from "./runs/Sessions.js"
import * as Resume from "./runs/Resume.js"

/**
 * Declares the tests of `Runs`.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Runs (${name})`, () => {
    Outcomes.tests(test)
    Sessions.tests(test)
    Resume.tests(test)
    Multitask.tests(test)
    Steering.tests(test)
    Debounce.tests(test)
    Labels.tests(test)
    Batch.tests(test)
    Times.tests(test)
    Conditions.tests(test)
  })

  SubmitSuite.suite(name, layer)
}
