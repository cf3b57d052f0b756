/** The conformance suite of the worker over any control plane. */
import { describe } from "@effect/vitest"
import type { ControlPlane } from "@runlease/core"
import type { Layer } from "effect"
import { type Declare, declare, declareOfStore } from "./TestWorker.js"
import * as Appends from "./worker/Appends.js"
import * as Budgets from "./worker/Budgets.js"
import * as Cancellation from "./worker/Cancellation.js"
import * as Claims from "./worker/Claims.js"
import * as ClaimsAhead from "./worker/ClaimsAhead.js"
import * as Deadlines from "./worker/Deadlines.js"
import * as Drain from "./worker/Drain.js"
import * as DrainRequests from "./worker/DrainRequests.js"
import * as Effects from "./worker/Effects.js"
import * as FailedSteps from "./worker/FailedSteps.js"
import * as Health from "./worker/Health.js"
import * as Inbox from "./worker/Inbox.js"
import * as Interrupts from "./worker/Interrupts.js"
import * as LastWrites from "./worker/LastWrites.js"
import * as Leases from "./worker/Leases.js"
import * as Outcomes from "./worker/Outcomes.js"
import * as QuestionAnswers from "./worker/QuestionAnswers.js"
import * as Questions from "./worker/Questions.js"
import * as Sleeps from "./worker/Sleeps.js"
import * as Children from "./worker/Children.js"
import * as Forks from "./worker/Forks.js"
import * as Retries from "./worker/Retries.js"
import * as LargeResults from "./worker/LargeResults.js"
import * as StepAppends from "./worker/StepAppends.js"
import * as ReportedSteps from "./worker/ReportedSteps.js"
import * as StepProgress from "./worker/StepProgress.js"
import * as Steps from "./worker/Steps.js"
import * as StepsOnce from "./worker/StepsOnce.js"
import * as StepStreams from "./worker/StepStreams.js"
import * as Waits from "./worker/Waits.js"

const declareTests = (name: string, test: Declare): void => {
  describe(`Worker over ${name}`, () => {
    Outcomes.tests(test)
    Effects.tests(test)
    Steps.tests(test)
    FailedSteps.tests(test)
    StepsOnce.tests(test)
    StepStreams.tests(test)
    LargeResults.tests(test)
    Forks.tests(test)
    Retries.tests(test)
    StepAppends.tests(test)
    ReportedSteps.tests(test)
    StepProgress.tests(test)
    Sleeps.tests(test)
    Children.tests(test)
    Inbox.tests(test)
    Budgets.tests(test)
    Interrupts.tests(test)
    Questions.tests(test)
    QuestionAnswers.tests(test)
    Waits.tests(test)
    Claims.tests(test)
    ClaimsAhead.tests(test)
    Leases.tests(test)
    Cancellation.tests(test)
    Deadlines.tests(test)
    Drain.tests(test)
    LastWrites.tests(test)
    DrainRequests.tests(test)
    Health.tests(test)
    Appends.tests(test)
  })
}

/**
 * Declares the tests of the suite. Each builds the layer anew and is driven by the TestClock.
 *
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declare(layer))

/**
 * Declares those tests of `suite` whose outcome a store, or the network before it, can change. The others are tests of the worker alone:
 * where `suite` passes over one store, these are the ones that another store has to pass.
 *
 * @category suites
 */
export const ofStore = (name: string, layer: Layer.Layer<ControlPlane.ProjectPorts, unknown>): void =>
  declareTests(name, declareOfStore(layer))
