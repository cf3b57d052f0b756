import { EventSchemas, InterruptSchema } from "@ag-ui/core/schemas"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import * as AgUiView from "../src/agui/AgUiView.js"
import { call } from "./raw.js"
import { client, serve } from "./serving.js"

const layer = Layer.provideMerge(client, serve(MemoryControlPlane.layer))

const approval = {
  id: "approval",
  reason: "confirmation",
  message: "Deploy it?",
  response_schema: { type: "object", properties: { approved: { type: "boolean" } } },
  metadata: { asker: { kept_as: "it is" } },
}
const lookup = {
  id: "lookup",
  reason: "tool_call",
  tool_call_id: "call-lookup",
  tool_name: "look_up",
  expires_at: "1970-01-01T01:00:00.000Z",
}
const yes = { interrupt_id: "approval", status: "resolved", payload: { approved: true } }
const found = { interrupt_id: "lookup", status: "resolved", payload: [1], is_error: false }

/** Suspends a new run by `body`, through the endpoint or in an exchange. */
const suspending = (body: object, by: "endpoint" | "exchange") =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const { conversationId, leaseEpoch, runId } = yield* TestRuns.hold(worker)
    if (by === "endpoint") {
      const answer = yield* call("POST", `/agent-workers/workers/${worker}/runs/${runId}/suspend`, { body })
      return { answer, conversationId, runId }
    }
    const operations = [{ operation: "suspend", run_id: runId, lease_epoch: leaseEpoch, ...body }]
    const { json } = yield* call("POST", `/agent-workers/workers/${worker}/exchange`, {
      body: { operations },
    })
    return { answer: { status: json.answers[0].status, json: json.answers[0].body }, conversationId, runId }
  })

const resume = (runId: string, ...answers: ReadonlyArray<object>) =>
  call("POST", `/runs/${runId}/resume`, { body: { type: "interrupts", resume: answers } })

describe("interrupts on the wire", () => {
  for (const by of ["endpoint", "exchange"] as const) {
    it.effect(`are asked by the ${by}, shown on the run, and told as AG-UI has them`, () =>
      Effect.gen(function* () {
        const { answer, conversationId, runId } = yield* suspending({ interrupts: [approval, lookup] }, by)
        strictEqual(answer.status, 200)
        const view = yield* call("GET", `/conversations/${conversationId}/runs/${runId}`)
        deepStrictEqual(view.json.waiting_interrupts, [approval, lookup])
        deepStrictEqual(
          [view.json.waiting_tool_call_id, view.json.waiting_tool_name, view.json.waiting_expires_at],
          ["approval", "confirmation", lookup.expires_at],
        )
        const canonical = yield* call("GET", `/runs/${runId}`)
        strictEqual(Object.keys(canonical.json).length, 33)
        deepStrictEqual(canonical.json.config.waiting_interrupts, [approval, lookup])
        assertTrue(canonical.json.waiting_reason.includes("Deploy it?"))

        const events = yield* TestRuns.eventsOf(Ids.RunId.make(runId))
        const finished = EventSchemas.parse(events.at(-1))
        assertTrue(finished.type === "RUN_FINISHED" && finished.outcome?.type === "interrupt")
        const told = finished.outcome.interrupts.map((interrupt) => InterruptSchema.parse(interrupt))
        deepStrictEqual(
          told.map(({ id }) => id),
          ["approval", "lookup"],
        )
        deepStrictEqual(told[0]?.responseSchema, approval.response_schema)
        deepStrictEqual(told[0]?.metadata, approval.metadata)
        strictEqual(told[1]?.expiresAt, lookup.expires_at)
        // The name of the tool is ours, so an AG-UI client finds it among the metadata.
        const { toolName, ...shown } = finished.outcome.interrupts[1]!
        deepStrictEqual(AgUiView.normalize(events.at(-1)!)["outcome"], {
          type: "interrupt",
          interrupts: [
            finished.outcome.interrupts[0],
            { ...shown, metadata: { "runlease.toolName": toolName } },
          ],
        })
      }).pipe(Effect.provide(layer)),
    )
  }

  it.effect("take answers one by one, and say which are open to one that fits none", () =>
    Effect.gen(function* () {
      const { runId } = yield* suspending({ interrupts: [approval, lookup] }, "endpoint")
      const first = yield* resume(runId, yes)
      deepStrictEqual([first.json.accepted, first.json.run.status], [true, "waiting"])
      const wrong = yield* resume(runId, { ...found, interrupt_id: "other" })
      deepStrictEqual(
        [wrong.status, wrong.json.error, wrong.json.interrupt_id, wrong.json.open_interrupt_ids],
        [409, "not_waiting", "other", ["lookup"]],
      )
      const second = yield* resume(runId, { ...yes, payload: false })
      deepStrictEqual([second.status, second.json.error], [409, "answered_otherwise"])
      strictEqual((yield* resume(runId, yes)).json.duplicate, true)
      // The form of the public API answers an interrupt by its tool call.
      const last = yield* call("POST", `/runs/${runId}/resume`, {
        body: { type: "tool_result", tool_call_id: "call-lookup", result: [1] },
      })
      deepStrictEqual([last.status, last.json.run.status], [200, "pending"])

      const worker = yield* TestRuns.register()
      const { json } = yield* call("POST", `/agent-workers/workers/${worker}/claim`)
      deepStrictEqual(json.run.request_snapshot.resume, [
        { interruptId: "approval", status: "resolved", payload: { approved: true } },
        { interruptId: "lookup", status: "resolved", payload: [1] },
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("are refused with the field that is wrong", () =>
    Effect.gen(function* () {
      for (const [body, field] of [
        [{}, "tool_call_id"],
        [{ tool_call_id: "t" }, "tool_name"],
        [{ interrupts: [] }, "interrupts"],
        [{ interrupts: [approval, approval] }, "interrupts"],
        [{ interrupts: [{ ...approval, id: "" }] }, "interrupts.0.id"],
        [{ interrupts: [{ ...approval, expires_at: "soon" }] }, "interrupts.0.expires_at"],
        [{ interrupts: [approval], tool_call_id: "t", tool_name: "ask" }, "interrupts"],
      ] as const) {
        for (const by of ["endpoint", "exchange"] as const) {
          const { answer } = yield* suspending(body, by)
          strictEqual(answer.status, 400)
          assertTrue(String(answer.json.field).startsWith(field))
        }
      }
      const { runId } = yield* suspending({ interrupts: [approval] }, "endpoint")
      for (const [answers, field] of [
        [[], "resume"],
        [[{ ...yes, status: "maybe" }], "resume.0.status"],
        [[{ ...yes, interrupt_id: "" }], "resume.0.interrupt_id"],
      ] as const) {
        const refused = yield* resume(runId, ...answers)
        strictEqual(refused.status, 400)
        assertTrue(String(refused.json.field).startsWith(field))
      }
    }).pipe(Effect.provide(layer)),
  )

  it.effect("a run without answers has no resume in its snapshot", () =>
    Effect.gen(function* () {
      yield* TestRuns.submit()
      const worker = yield* TestRuns.register()
      const { json } = yield* call("POST", `/agent-workers/workers/${worker}/claim`)
      strictEqual("resume" in json.run.request_snapshot, false)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("the completion of a run may give a result, which is the run's output", () =>
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit({ initialStatus: "running" })
      const result = { answer: 42 }
      yield* call("POST", `/runs/${runId}/complete`, { body: { status: "completed", result } })
      deepStrictEqual((yield* call("GET", `/runs/${runId}`)).json.output, result)
      deepStrictEqual((yield* TestRuns.getRun(runId)).result, result)
    }).pipe(Effect.provide(layer)),
  )
})

describe("edits of an approval on the wire", () => {
  const editable = {
    ...approval,
    response_schema: {
      type: "object",
      properties: {
        approved: { type: "boolean" },
        editedArgs: {
          type: "object",
          properties: { euros: { type: "number" }, to: { type: "string", pattern: "^[A-Z]{2}$" } },
          required: ["euros"],
        },
      },
    },
  }
  const edited = (editedArgs: unknown) => ({ ...yes, payload: { approved: true, editedArgs } })

  it.effect("are refused where they do not fit their question, which then waits as before", () =>
    Effect.gen(function* () {
      const { runId } = yield* suspending({ interrupts: [editable] }, "endpoint")
      for (const [editedArgs, detail] of [
        [{ euros: "30" }, "payload.editedArgs: `euros` is no number"],
        [{ to: "DE" }, "payload.editedArgs: `euros` is missing"],
        [{ euros: 30, to: "Germany" }, "payload.editedArgs: `to` does not match ^[A-Z]{2}$"],
      ] as const) {
        const refused = yield* resume(runId, edited(editedArgs))
        deepStrictEqual(
          [refused.status, refused.json.error, refused.json.detail, refused.json.field],
          [422, "answer_refused", detail, "payload.editedArgs"],
        )
        strictEqual((yield* call("GET", `/runs/${runId}`)).json.status, "waiting")
      }
      strictEqual((yield* resume(runId, edited({ euros: 30, to: "DE" }))).json.run.status, "pending")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("are in the log with the key that they came with", () =>
    Effect.gen(function* () {
      const { runId } = yield* suspending({ interrupts: [editable, lookup] }, "endpoint")
      yield* resume(runId, edited({ euros: 30 }), found)
      const events = yield* TestRuns.eventsOf(Ids.RunId.make(runId))
      const { by, answers } = events.at(-1)!["value"] as { by: string; answers: unknown }
      deepStrictEqual(answers, [
        { interrupt_id: "approval", approved: true, edited_args: { euros: 30 } },
        { interrupt_id: "lookup", tool_call_id: "call-lookup" },
      ])
      assertTrue(/^API key [0-9a-f-]{36}$/.test(by), by)
    }).pipe(Effect.provide(layer)),
  )
})
