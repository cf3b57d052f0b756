import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Step, StepRecord } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Layer, Ref } from "effect"
import { call } from "./raw.js"
import { client, serve } from "./serving.js"

const test = TestRuns.tester(Layer.provideMerge(client, serve(MemoryControlPlane.layer)))

const record = (stepName: string, result: unknown) => ({
  type: "CUSTOM",
  name: StepRecord.stepEventName,
  value: {
    step_id: StepRecord.stepIdOf({ within: undefined, name: stepName, key: undefined }),
    record_id: "forged",
    name: stepName,
    result: JSON.stringify(result),
  },
})

const usage = { type: "CUSTOM", name: "runlease.usage", value: { inputTokens: 1_000, cost: 1_000 } }

/** A worker that the API has registered, with its token, and a run that it holds. */
const held = Effect.gen(function* () {
  const registration = { implementation_kind: "raw", worker_key: "raw" }
  const { json } = yield* call("POST", "/agent-workers/projects/default/workers", { body: registration })
  const workerId: string = json.worker.id
  const { conversationId, runId } = yield* TestRuns.submit()
  const exchange = (operation: object, token?: string) =>
    Effect.map(
      call("POST", `/agent-workers/workers/${workerId}/exchange`, {
        body: { operations: [{ run_id: runId, lease_epoch: 1, ...operation }] },
        ...(token === undefined ? {} : { token }),
      }),
      (answer) => answer.json.answers[0],
    )
  yield* call("POST", `/agent-workers/workers/${workerId}/claim`, { body: {} })
  const path = `/conversations/${conversationId}/runs/${runId}/events`
  return { workerId, token: json.token as string, runId, path, exchange }
})

describe("an event with a reserved name", () => {
  test(
    "is refused from an API key, whatever lease the key names",
    Effect.gen(function* () {
      const { exchange, path, runId, workerId } = yield* held
      const before = yield* TestRuns.eventsOf(runId)
      const fences = [
        {},
        { "x-runlease-epoch": "1" },
        { "x-runlease-worker": workerId },
        { "x-runlease-worker": workerId, "x-runlease-epoch": "1" },
      ]
      for (const event of [record("pay", 1), usage]) {
        for (const headers of fences) {
          const { json, status } = yield* call("POST", path, { body: { events: [event] }, headers })
          deepStrictEqual([headers, status, json.error], [headers, 400, "event_reserved"])
          assertTrue(String(json.detail).startsWith(`events[0] is a CUSTOM ${event.name}, which only`))
          assertTrue(String(json.detail).includes("give it a name that does not begin with"))
        }
        const appended = yield* exchange({ operation: "append", events: [event] })
        deepStrictEqual([appended.status, appended.body.error], [400, "event_reserved"])
        const last = { events: [event], expected_previous_external_event_sequence: 0 }
        const completed = yield* exchange({ operation: "complete", status: "completed", last })
        deepStrictEqual([completed.status, completed.body.error], [400, "event_reserved"])
      }
      deepStrictEqual(yield* TestRuns.eventsOf(runId), before)
      deepStrictEqual((yield* call("GET", `/runs/${runId}/usage`)).json.usage, [])
    }),
  )

  test(
    "is taken from the token of the worker that holds the run",
    Effect.gen(function* () {
      const { exchange, path, runId, token } = yield* held
      const direct = yield* call("POST", path, { token, body: { events: [usage] } })
      deepStrictEqual([direct.status, direct.json.appended_count], [200, 1])
      const appended = yield* exchange({ operation: "append", events: [record("pay", 1)] }, token)
      strictEqual(appended.status, 200)
      const last = { events: [usage], expected_previous_external_event_sequence: 2 }
      const completed = yield* exchange({ operation: "complete", status: "completed", last }, token)
      strictEqual(completed.status, 200)
      strictEqual((yield* call("GET", `/runs/${runId}/usage`)).json.cost, 2_000)
    }),
  )

  test(
    "of an API key is believed by no step",
    Effect.gen(function* () {
      const bodies = yield* Ref.make(0)
      const forged = yield* Ref.make<ReadonlyArray<number>>([])
      yield* TestWorker.start(
        Executor.from(({ attempt, conversationId, runId }) =>
          Effect.gen(function* () {
            if (attempt === 1) {
              const path = `/conversations/${conversationId}/runs/${runId}/events`
              const { status } = yield* call("POST", path, { body: { events: [record("pay", 7)] } })
              yield* Ref.update(forged, (before) => [...before, status])
              return yield* Effect.fail(Executor.retryableError("died", "again"))
            }
            return String(
              yield* Step.run(
                "pay",
                Ref.updateAndGet(bodies, (n) => n + 1),
              ),
            )
          }),
        ),
        { retryDelay: () => 0 },
      )
      const { runId } = yield* TestWorker.submit()
      yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "completed", {
        step: "50 millis",
      })
      deepStrictEqual([yield* Ref.get(forged), yield* Ref.get(bodies)], [[400], 1])
    }),
  )
})
