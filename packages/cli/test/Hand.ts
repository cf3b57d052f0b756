/**
 * A worker that a test plays itself, over HTTP.
 */
import { FetchHttpClient } from "@effect/platform"
import { expect } from "@effect/vitest"
import { Claims, type ControlPlane, Ids, Runs, WorkerRegistry } from "@runlease/core"
import { Client } from "@runlease/http"
import { Effect, Layer, Redacted } from "effect"
import type { Env } from "./Processes.js"

/** The ports of the server of these variables. */
export const withPorts =
  (env: Env) =>
  <A, E>(effect: Effect.Effect<A, E, ControlPlane.ProjectPorts>) =>
    Effect.provide(
      effect,
      Client.layerWith({
        baseUrl: env.RUNLEASE_URL,
        token: Redacted.make(env.RUNLEASE_API_KEY),
        project: env.RUNLEASE_PROJECT,
      }).pipe(Layer.provide(FetchHttpClient.layer)),
    )

/** The agent whose runs it takes. */
const agentId = Ids.AgentId.make("hand")

/** What it says of itself: it takes the runs of one agent, and has so many slots. */
export const metadata = (slots: number, more: object = {}) => ({
  agent_ids: [agentId],
  runlease: { version: null, agents: [agentId], slots, in_use: 0, ...more },
})

/** Registers it. */
export const register = (slots = 1) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const registration = {
      implementationKind: "test",
      workerKey: "by-hand",
      metadata: metadata(slots),
    }
    return (yield* registry.register(registration)).id
  })

export const submit = (id: string, more: Partial<Runs.SubmissionInput> = {}) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.map(
      runs.submit({ agentId, publicId: Ids.RunId.make(id), ...more }),
      ({ run: { runId } }) => runId,
    ),
  )

/** Claims the run under a lease of five seconds. */
export const claim = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const workerId = yield* register()
    const claims = yield* Claims.Claims
    const [claimed] = yield* claims.claim({
      workerId,
      limit: 1,
      leaseDuration: "5 seconds",
      agentIds: [agentId],
    })
    expect(claimed?.runId).toBe(runId)
    return { workerId, ref: { runId, workerId, epoch: claimed!.leaseEpoch } }
  })
