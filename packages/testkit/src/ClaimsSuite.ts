/** What every `Claims` must do: give each run to one worker at a time, in the right order and at the right time. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as ClaimRepeatSuite from "./ClaimRepeatSuite.js"
import * as ClaimWaitSuite from "./ClaimWaitSuite.js"
import * as HandOverSuite from "./HandOverSuite.js"
import * as TestRuns from "./TestRuns.js"
import * as Ahead from "./claims/Ahead.js"
import * as Selection from "./claims/Selection.js"
import * as Lanes from "./claims/Lanes.js"
import * as Attempts from "./claims/Attempts.js"

/**
 * Declares the tests of `Claims`.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Claims (${name})`, () => {
    Selection.tests(test)
    Ahead.tests(test)
    Lanes.tests(test)
    Attempts.tests(test)
  })

  ClaimWaitSuite.suite(name, layer)
  HandOverSuite.suite(name, layer)
  ClaimRepeatSuite.suite(name, layer)
}
