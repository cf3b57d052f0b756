/** What the summaries of a store must show of runs and workers. */
import { describe } from "@effect/vitest"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as Holders from "./summaries/Holders.js"
import * as Lists from "./summaries/Lists.js"
import * as Titles from "./summaries/Titles.js"
import * as TestRuns from "./TestRuns.js"

/** Declares the tests of `Summaries`. */
export const suite = (name: string, layer: Layer.Layer<StorePorts | ControlPlane, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Summaries (${name})`, () => {
    Titles.tests(test)
    Holders.tests(test)
    Lists.tests(test)
  })
}
