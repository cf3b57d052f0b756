/** What the webhooks of a store must do: make each event a message once, in the commit of the event, and keep it until it is delivered. */
import { describe } from "@effect/vitest"
import type { ControlPlane, StorePorts } from "@runlease/core/ControlPlane"
import type { Layer } from "effect"
import * as TestRuns from "./TestRuns.js"
import * as Endpoints from "./webhooks/Endpoints.js"
import * as Messages from "./webhooks/Messages.js"
import * as Sources from "./webhooks/Sources.js"
import * as ProjectEvents from "./webhooks/ProjectEvents.js"

/**
 * Declares the tests of `Webhooks`. Each build of `layer` makes a fresh, empty control plane by Effect's Clock.
 *
 * ```ts
 * WebhooksSuite.suite("memory", MemoryControlPlane.layer)
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<StorePorts | ControlPlane, unknown>): void => {
  describe(`Webhooks (${name})`, () => {
    const test = TestRuns.tester(layer)
    Endpoints.declare(test)
    Messages.declare(test)
    Sources.declare(test)
    ProjectEvents.declare(test)
  })
}
