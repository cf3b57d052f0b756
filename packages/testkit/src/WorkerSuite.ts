/** The conformance suite of the worker over any control plane. */
import { describe } from "@effect/vitest"
import type { ControlPlane } from "@runlease/core"
import type { Layer } from "effect"
import { type Declare, declare, declareOfStore } from "./TestWorker.js"
import * as Appends from "./worker/Appends.js"
import * as Budgets from "./worker/Budgets.js"
import * as Leases from "./worker/Leases.js"
import * as Claims from "./worker/Claims.js"
import * as Drain from "./worker/Drain.js"
import * as Outcomes from "./worker/Outcomes.js"
import * as Steps from "./worker/Steps.js"
import * as Health from "./worker/Health.js"
import * as Inbox from "./worker/Inbox.js"
import * as Questions from "./worker/Questions.js"
import * as Waits from "./worker/Waits.js"
import * as Children from "./worker/Children.js"
import * as ForkEdits from "./worker/ForkEdits.js"
import * as Retries from "./worker/Retries.js"
import * as StepOutput from "./worker/StepOutput.js"
import * as StepsOnce from "./worker/StepsOnce.js"

const declareTests = (name: string, test: Declare): void => {
  describe(`Worker over ${name}`, () => {
    Outcomes.tests(test)
    Steps.tests(test)
    StepsOnce.tests(test)
    StepOutput.tests(test)
    Retries.tests(test)
    ForkEdits.tests(test)
    Waits.tests(test)
    Children.tests(test)
    Inbox.tests(test)
    Budgets.tests(test)
    Questions.tests(test)
    Claims.tests(test)
    Leases.tests(test)
    Drain.tests(test)
    Health.tests(test)
    Appends.tests(test)
  })
}

/** Declares the tests of the suite. Each builds the layer anew and is driven by the TestClock. */
export const suite = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declare(layer))

/**
 * Declares those tests of `suite` whose outcome a store, or the network before it, can change. The others are tests of the worker alone:
 * where `suite` passes over one store, these are the ones that another store has to pass.
 */
export const ofStore = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declareOfStore(layer))
