/** The conformance suite of agents with types over any control plane. */
import { describe } from "@effect/vitest"
import type { ControlPlane } from "@runlease/core"
import type { Layer } from "effect"
import * as Agents from "./agent/Agents.js"
import * as Results from "./agent/Results.js"
import * as Submitting from "./agent/Submitting.js"
import { type Declare, declare, declareOfStore } from "./TestWorker.js"

const declareTests = (name: string, test: Declare): void => {
  describe(`Agents over ${name}`, () => {
    Submitting.tests(test)
    Results.tests(test)
    Agents.tests(test)
  })
}

/** Declares the tests of the suite. Each builds the layer anew and is driven by the TestClock. */
export const suite = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declare(layer))

/** Declares those tests of `suite` whose outcome a store, or the network before it, can change. */
export const ofStore = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declareOfStore(layer))
