import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, Ids, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Redacted } from "effect"
import { call } from "./raw.js"
import { client, serve } from "./serving.js"

const layer = Layer.provideMerge(client, serve(MemoryControlPlane.layer))

describe("a wait that expires", () => {
  it.effect("is requested in seconds, and shown with the run everywhere", () =>
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const held = yield* TestRuns.hold(worker)
      const suspend = (expires_in_seconds: unknown) =>
        call("POST", `/agent-workers/workers/${worker}/runs/${held.runId}/suspend`, {
          body: { tool_call_id: "call", tool_name: "ask", expires_in_seconds },
        })
      for (const wrong of [0, 0.5, -1, 31_536_001, "10"]) {
        const refused = yield* suspend(wrong)
        deepStrictEqual([refused.status, refused.json.field], [400, "expires_in_seconds"])
      }
      strictEqual((yield* suspend(31_536_000)).status, 200)
      const view = yield* call("GET", `/conversations/${held.conversationId}/runs/${held.runId}`)
      strictEqual(view.json.waiting_expires_at, "1971-01-01T00:00:00.000Z")
      const canonical = yield* call("GET", `/runs/${held.runId}`)
      strictEqual(
        canonical.json.waiting_reason,
        "Waiting for the result of ask until 1971-01-01T00:00:00.000Z",
      )
    }).pipe(Effect.provide(layer)),
  )
})

describe("pruning", () => {
  it.effect("takes an admin key, a project and an age", () =>
    Effect.gen(function* () {
      const access = yield* Access.Access
      const runs = yield* Runs.Runs
      const project = yield* access.getProject("default")
      const { token } = yield* access.createKey({ projectId: project.id, name: "plain" })
      const prune = (body: unknown, reference = "default", options = {}) =>
        call("POST", `/projects/${reference}/runs/prune`, { body, ...options })
      for (const _ of [1, 2, 3]) yield* runs.cancel((yield* TestRuns.submit()).runId)

      const plain = yield* prune({ older_than_seconds: 0 }, "default", { token: Redacted.value(token) })
      deepStrictEqual([plain.status, plain.json.error], [403, "forbidden"])
      const nowhere = yield* prune({ older_than_seconds: 0 }, "nowhere")
      deepStrictEqual([nowhere.status, nowhere.json.error], [404, "project_not_found"])
      for (const wrong of [{}, { older_than_seconds: -1 }, { older_than_seconds: 1, limit: 0 }]) {
        strictEqual((yield* prune(wrong)).status, 400)
      }
      deepStrictEqual((yield* prune({ older_than_seconds: 1 })).json, { pruned: 0, more: false })
      deepStrictEqual((yield* prune({ older_than_seconds: 0, limit: 2 })).json, { pruned: 2, more: true })
      deepStrictEqual((yield* prune({ older_than_seconds: 0 }, project.id)).json, { pruned: 1, more: false })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("lets a public id be used again in another conversation, by clients that knew the first", () =>
    Effect.gen(function* () {
      const log = yield* RunLog.RunLog
      const publicId = "again"
      const runId = Ids.RunId.make(publicId)
      const event = { type: "CUSTOM", name: "n", value: 1 }
      const first = yield* TestRuns.submit({ publicId, initialStatus: "running" })
      yield* log.append({ runId, events: [event] })
      yield* call("POST", `/runs/${publicId}/complete`, { body: { status: "completed" } })
      yield* call("POST", "/projects/default/runs/prune", { body: { older_than_seconds: 0 } })
      const gone = yield* call("GET", `/conversations/${first.conversationId}/runs/${publicId}`)
      strictEqual(gone.status, 404)

      // Submitted by somebody else, so that this client still believes in the first conversation.
      const second = yield* call("POST", "/runs", {
        body: {
          kind: "agent",
          public_id: publicId,
          request: { agent_id: "agent", initial_status: "running" },
        },
      })
      const view = yield* call("GET", `/conversations/${second.json.run.owner.id}/runs/${publicId}`)
      strictEqual(view.status, 200)
      strictEqual(yield* TestRuns.verdictOf(log.append({ runId, events: [event] })), "RunNotFound")
      strictEqual(yield* TestRuns.verdictOf(log.append({ runId, events: [event] })), "Succeeded")
    }).pipe(Effect.provide(layer)),
  )
})
