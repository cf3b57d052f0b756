/** Requests for input: questions as fields, over HTTP. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type Interrupt, Leases } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import { type Answer, call } from "./raw.js"
import { client, serve } from "./serving.js"

const layer = Layer.provideMerge(client, serve(MemoryControlPlane.layer))

const account: Interrupt.Interrupt = {
  id: "account",
  reason: "input_required",
  message: "Which account?",
  responseSchema: {
    type: "object",
    required: ["user", "password"],
    properties: {
      user: { type: "string", title: "User", description: "As it is on the card" },
      password: { type: "string", format: "password", writeOnly: true },
      mail: { type: "string", format: "email" },
      size: { enum: ["small", "large"] },
      again: { type: "boolean", default: true },
      tags: { type: "array", items: { type: "string" } },
    },
  },
}
const where: Interrupt.Interrupt = {
  id: "where",
  reason: "input_required",
  message: "Where to?",
  responseSchema: { type: "string" },
}
const lookup: Interrupt.Interrupt = { id: "lookup", reason: "tool_call", toolCallId: "c", clientTool: true }

const waiting = (...[first, ...others]: [Interrupt.Interrupt, ...Array<Interrupt.Interrupt>]) =>
  Effect.gen(function* () {
    const worker = yield* TestRuns.register()
    const claimed = yield* TestRuns.hold(worker)
    yield* (yield* Leases.Leases).suspend(TestRuns.leaseOf(claimed), { interrupts: [first, ...others] })
    return { worker, runId: claimed.runId, path: `/conversations/${claimed.conversationId}/input-requests` }
  })

const refusalOf = ({ json, status }: Pick<Answer, "json" | "status">) => [status, json.error]

const open = (path: string) =>
  Effect.map(call("GET", path), ({ json }) => json.data as Array<Record<string, unknown>>)

describe("a request for input", () => {
  it.effect(
    "is a question as fields, and its answer is the payload of the run, without its secrets anywhere",
    () =>
      Effect.gen(function* () {
        const { path, runId, worker } = yield* waiting(account, where, lookup)
        const [first, second, ...others] = yield* open(path)
        deepStrictEqual(others, [])
        deepStrictEqual(
          [first!["run_id"], first!["title"], first!["status"], second!["title"], second!["fields"]],
          [
            runId,
            "Which account?",
            "open",
            "Where to?",
            [{ name: "answer", type: "text", label: "answer", required: true }],
          ],
        )
        deepStrictEqual(
          (first!["fields"] as Array<Record<string, unknown>>).map(({ label, name, required, type }) => [
            name,
            type,
            label,
            required,
          ]),
          [
            ["user", "text", "User", true],
            ["password", "password", "password", true],
            ["mail", "email", "mail", false],
            ["size", "select", "size", false],
            ["again", "checkbox", "again", false],
            ["tags", "json", "tags", false],
          ],
        )
        const one = `${path}/${String(first!["input_request_id"])}`
        deepStrictEqual((yield* call("GET", one)).json, first)

        const wrong = yield* call("POST", `${one}/responses`, { body: { values: { user: 1 } } })
        deepStrictEqual(refusalOf(wrong), [422, "answer_refused"])
        const values = { user: "ada", password: "hunter2", size: "small" }
        const answered = yield* call("POST", `${one}/responses`, { body: { values } })
        strictEqual(answered.status, 201)
        deepStrictEqual(answered.json.response.values, { ...values, password: "<redacted>" })
        deepStrictEqual(answered.json.response.redacted_fields, ["password"])
        const [submitted] = yield* open(`${path}?status=submitted`)
        deepStrictEqual(submitted, answered.json)
        for (const again of [`${one}/responses`, `${one}/cancel`]) {
          const body = again.endsWith("cancel") ? undefined : { values }
          deepStrictEqual(refusalOf(yield* call("POST", again, { body })), [409, "input_request_resolved"])
        }

        const other = `${path}/${String(second!["input_request_id"])}`
        yield* call("POST", `${other}/responses`, { body: { values: { answer: "Rome" } } })
        yield* call("POST", `/runs/${runId}/resume`, {
          body: { type: "tool_result", tool_call_id: "c", result: 1 },
        })
        const { snapshot } = yield* TestRuns.claimOne(worker)
        deepStrictEqual(
          snapshot.resume?.map(({ payload }) => payload),
          [values, "Rome", 1],
        )
        // The run has gone on, and the answer stands.
        deepStrictEqual(refusalOf(yield* call("POST", `${one}/responses`, { body: { values } })), [
          409,
          "input_request_resolved",
        ])
        deepStrictEqual(yield* open(path), [])
      }).pipe(Effect.provide(layer)),
  )

  it.effect("is cancelled without its run", () =>
    Effect.gen(function* () {
      const { path, runId } = yield* waiting(account)
      const [first] = yield* open(path)
      const cancelled = yield* call("POST", `${path}/${String(first!["input_request_id"])}/cancel`)
      deepStrictEqual([cancelled.status, cancelled.json.status], [200, "cancelled"])
      strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("is found in its conversation alone", () =>
    Effect.gen(function* () {
      const { path } = yield* waiting(account)
      const { path: elsewhere } = yield* waiting(where)
      const [first] = yield* open(path)
      const id = String(first!["input_request_id"])
      deepStrictEqual(refusalOf(yield* call("GET", `${elsewhere}/${id}`)), [404, "input_request_not_found"])
      deepStrictEqual(
        refusalOf(yield* call("POST", `${elsewhere}/${id}/responses`, { body: { values: {} } })),
        [404, "input_request_not_found"],
      )
    }).pipe(Effect.provide(layer)),
  )
})
