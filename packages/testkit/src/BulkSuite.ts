/** What the bulk operations of a store must do: change the runs that their filter finds, each once, and count them. */
import { describe } from "@effect/vitest"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as Actions from "./bulk/Actions.js"
import * as Moves from "./bulk/Moves.js"
import * as Operations from "./bulk/Operations.js"
import * as Rollouts from "./bulk/Rollouts.js"
import * as Trials from "./bulk/Trials.js"
import * as TestRuns from "./TestRuns.js"

/**
 * Declares the tests of `BulkOperations`. Each build of `layer` makes a fresh, empty control plane by Effect's Clock.
 *
 * ```ts
 * BulkSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<StorePorts | ControlPlane, unknown>): void => {
  describe(`Bulk operations (${name})`, () => {
    const test = TestRuns.tester(layer)
    Actions.declare(test)
    Moves.declare(test)
    Operations.declare(test)
    Trials.declare(test)
    Rollouts.declare(test)
  })
}
