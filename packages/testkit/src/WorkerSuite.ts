/**
 * The worker's suite: what it does with the runs it holds, over any control plane.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import type { ControlPlane } from "@runlease/core"
import type { Layer } from "effect"
import { declare } from "./TestWorker.js"
import * as Appending from "./worker/Appending.js"
import * as Asking from "./worker/Asking.js"
import * as Claiming from "./worker/Claiming.js"
import * as Deadlines from "./worker/Deadlines.js"
import * as Draining from "./worker/Draining.js"
import * as Ending from "./worker/Ending.js"
import * as Leasing from "./worker/Leasing.js"

/**
 * Runs the suite over a layer of the project ports, made anew for each test and driven by the test's clock.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void => {
  const test = declare(layer)
  describe(`Worker over ${name}`, () => {
    Ending.tests(test)
    Asking.tests(test)
    Claiming.tests(test)
    Leasing.tests(test)
    Deadlines.tests(test)
    Draining.tests(test)
    Appending.tests(test)
  })
}
