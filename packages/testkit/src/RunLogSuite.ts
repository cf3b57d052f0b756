/** What every `RunLog` must do: append once, under a cursor and a fence, and return every entry. */
import { describe } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type Layer } from "effect"
import * as FollowSuite from "./FollowSuite.js"
import * as TestRuns from "./TestRuns.js"
import * as Entries from "./runLog/Entries.js"
import * as Cursors from "./runLog/Cursors.js"
import * as Fences from "./runLog/Fences.js"
import * as Closings from "./runLog/Closings.js"

/**
 * Declares the tests of `RunLog`.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`RunLog (${name})`, () => {
    Entries.tests(test)
    Cursors.tests(test)
    Fences.tests(test)
    Closings.tests(test)
  })

  FollowSuite.suite(name, layer)
}
