/** What the next input of a run's client does to a waiting run, and the ids under which it is repeated. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"
import * as Continuation from "./followUp/Continuation.js"
import * as Identity from "./followUp/Identity.js"
import * as Coverage from "./followUp/Coverage.js"

/**
 * Declares the tests of follow-up inputs.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Follow-up inputs (${name})`, () => {
    Continuation.tests(test)
    Identity.tests(test)
    Coverage.tests(test)
  })
}
