import { type Ids, type Interrupt, Runs } from "@runlease/core"
import type { AcpExecutor } from "@runlease/executor-acp"
import { TestRuns } from "@runlease/testkit"
import { describe, expect, it } from "@effect/vitest"
import { assertInclude, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Option } from "effect"
import * as Form from "../src/internal/Form.js"
import { eventsOf, pidsOf, ports, type Script, scripted, type Subject, textOf, until } from "./Agents.js"
import { startRun } from "./AgentWorkers.js"

const schema = {
  type: "object",
  properties: {
    colour: { type: "string", enum: ["red", "blue"] },
    note: { type: "string", maxLength: 5 },
  },
  required: ["colour"],
}

const form = { message: "Which colour?", requestedSchema: schema }

const agent = (step: Readonly<Record<string, unknown>>, script: Script = {}) =>
  scripted({ capabilities: { loadSession: true }, steps: [step], ...script }, { permission: "ask" })

/** The interrupt that the run waits for, once it is not `before` and no process of the agent is left. */
const untilWaiting = (subject: Subject, runId: Ids.RunId, before?: string) =>
  Effect.gen(function* () {
    const [interrupt, ...others] = yield* until(
      Effect.map(TestRuns.getRun(runId), ({ waiting }) => waiting?.interrupts ?? []),
      ([first]) => first !== undefined && first.id !== before,
    )
    yield* until(pidsOf(subject.token), (pids) => pids.length === 0)
    deepStrictEqual(others, [])
    return interrupt!
  })

const answer = (runId: Ids.RunId, { id }: Interrupt.Interrupt, payload: unknown) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, [{ interruptId: id, status: "resolved", payload }]))

const textAtTheEnd = (runId: Ids.RunId) =>
  until(TestRuns.getRun(runId), ({ status }) => status === "completed" || status === "failed").pipe(
    Effect.zipRight(Effect.map(TestRuns.eventsOf(runId), textOf)),
  )

const noted = (subject: Subject) =>
  Effect.map(subject.notes, (notes) => notes.filter(({ method }) => method === "elicitation/create"))

describe("a form", () => {
  it.live("becomes an interrupt with its schema, and its values reach the agent in another process", () =>
    Effect.gen(function* () {
      const subject = yield* agent({ elicit: form })
      const { runId } = yield* startRun(subject)
      const interrupt = yield* untilWaiting(subject, runId)
      strictEqual(interrupt.reason, "input_required")
      strictEqual(interrupt.message, "Which colour?")
      deepStrictEqual(interrupt.responseSchema, schema)
      strictEqual(interrupt.toolCallId, undefined)
      yield* answer(runId, interrupt, { colour: "red" })
      strictEqual(yield* textAtTheEnd(runId), '[accept {"colour":"red"}]')
      const began = (yield* subject.notes).filter((note) => "started" in note)
      strictEqual(began.length, 2)
      deepStrictEqual(
        (yield* noted(subject)).map(({ result }) => result),
        [{ action: "cancel" }, { action: "accept", content: { colour: "red" } }],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("leaves its tool call open for the process that gets the answer", () =>
    Effect.gen(function* () {
      const subject = yield* agent({ elicit: form, inCall: true })
      const { runId } = yield* startRun(subject)
      const interrupt = yield* untilWaiting(subject, runId)
      const results = Effect.map(TestRuns.eventsOf(runId), (events) =>
        events.filter(({ type }) => type === "TOOL_CALL_RESULT"),
      )
      deepStrictEqual(yield* results, [])
      yield* answer(runId, interrupt, { colour: "red" })
      yield* textAtTheEnd(runId)
      strictEqual((yield* results).length, 1)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const [title, given] of [
    ["declines to answer", { status: "cancelled" }],
    ["says no", { status: "resolved", payload: { approved: false } }],
  ] as const) {
    it.live(`is declined if the person ${title}`, () =>
      Effect.gen(function* () {
        const subject = yield* agent({ elicit: form })
        const { runId } = yield* startRun(subject)
        const { id } = yield* untilWaiting(subject, runId)
        const runs = yield* Runs.Runs
        yield* runs.resume(runId, [{ interruptId: id, ...given }])
        strictEqual(yield* textAtTheEnd(runId), "[decline undefined]")
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("becomes another interrupt if the answer does not fit, with the reason", () =>
    Effect.gen(function* () {
      const subject = yield* agent({ elicit: form })
      const { runId } = yield* startRun(subject)
      const first = yield* untilWaiting(subject, runId)
      yield* answer(runId, first, { colour: "green" })
      const second = yield* untilWaiting(subject, runId, first.id)
      assertInclude(second.message!, "Which colour?")
      assertInclude(second.message!, "colour")
      assertInclude(second.message!, "red")
      yield* answer(runId, second, { colour: "blue" })
      strictEqual(yield* textAtTheEnd(runId), '[accept {"colour":"blue"}]')
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("waits together with a question of permission", () =>
    Effect.gen(function* () {
      const subject = yield* agent({
        both: true,
        elicit: form,
        permission: { title: "Edit a", kind: "edit" },
      })
      const { runId } = yield* startRun(subject)
      const { waiting } = yield* until(TestRuns.getRun(runId), ({ status }) => status === "waiting")
      deepStrictEqual(waiting!.interrupts.map(({ reason }) => reason).toSorted(), [
        "confirmation",
        "input_required",
      ])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

const refusals = (
  title: string,
  elicit: Readonly<Record<string, unknown>>,
  changes: Partial<AcpExecutor.Options> = {},
) =>
  it.live(title, () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ elicit }] }, { permission: "ask", ...changes })
      strictEqual(textOf(yield* eventsOf(subject)), "[refused undefined]")
      deepStrictEqual(
        (yield* noted(subject)).map(({ code }) => code),
        [-32602],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

describe("an elicitation is refused as invalid", () => {
  refusals("of an unknown session", { ...form, sessionId: "another" })
  refusals("for a web page", {
    mode: "url",
    message: "Log in",
    elicitationId: "e1",
    url: "https://agent.example/login",
  })
  refusals("in an unknown mode", { ...form, mode: "_voice" })
  refusals("that is no form", { message: "Which colour?" })
  refusals("that is too large for an interrupt", { ...form, message: "x".repeat(40_000) })
  for (const permission of ["allow", "deny"] as const) {
    refusals(`under ${permission}, where forms are not offered`, form, { permission })
  }
})

describe("an agent", () => {
  for (const permission of ["ask", "allow", "deny"] as const) {
    it.live(`is ${permission === "ask" ? "" : "not "}offered forms under ${permission}`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ steps: [{ say: "a" }] }, { permission })
        yield* eventsOf(subject)
        const started = (yield* subject.notes).find((note) => "initialize" in note)
        expect(started!["initialize"]).toMatchObject({ protocolVersion: 1 })
        const { clientCapabilities } = started!["initialize"] as {
          readonly clientCapabilities: Readonly<Record<string, unknown>>
        }
        deepStrictEqual(clientCapabilities["elicitation"], permission === "ask" ? { form: {} } : undefined)
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("that completes an unknown page is ignored", () =>
    Effect.gen(function* () {
      const completion = { jsonrpc: "2.0", method: "elicitation/complete", params: { elicitationId: "e1" } }
      const subject = yield* scripted({ steps: [{ raw: `${JSON.stringify(completion)}\n` }, { say: "a" }] })
      strictEqual(textOf(yield* eventsOf(subject)), "a")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("that sends a form outside of a session gets a cancel", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ elicitAtNew: form, steps: [{ say: "a" }] }, { permission: "ask" })
      strictEqual(textOf(yield* eventsOf(subject)), "a")
      deepStrictEqual(
        (yield* noted(subject)).map(({ result }) => result),
        [{ action: "cancel" }],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the values of a form", () => {
  const fits = (property: Readonly<Record<string, unknown>> & { readonly type: string }, value: unknown) =>
    Option.isNone(Form.misfit({ properties: { field: property }, required: ["field"] }, { field: value }))

  it("fit if each is of its kind and within its bounds", () => {
    expect(fits({ type: "string", minLength: 2, maxLength: 3 }, "ab")).toBe(true)
    expect(fits({ type: "string", oneOf: [{ const: "a", title: "A" }] }, "a")).toBe(true)
    expect(fits({ type: "number", minimum: 0.5 }, 0.5)).toBe(true)
    expect(fits({ type: "integer", maximum: 3 }, 3)).toBe(true)
    expect(fits({ type: "boolean" }, false)).toBe(true)
    expect(fits({ type: "array", items: { type: "string", enum: ["a", "b"] } }, ["b", "a"])).toBe(true)
    expect(fits({ type: "array", items: { anyOf: [{ const: "a", title: "A" }] } }, ["a"])).toBe(true)
    expect(fits({ type: "_colour" }, { r: 1 })).toBe(true)
    expect(Option.isNone(Form.misfit({ properties: { a: { type: "string" } } }, {}))).toBe(true)
  })

  it("do not fit if one of them is not", () => {
    expect(fits({ type: "string", minLength: 2 }, "a")).toBe(false)
    expect(fits({ type: "string", maxLength: 2 }, "abc")).toBe(false)
    expect(fits({ type: "string", enum: ["a"] }, "b")).toBe(false)
    expect(fits({ type: "string", oneOf: [{ const: "a", title: "A" }] }, "A")).toBe(false)
    expect(fits({ type: "number", minimum: 1 }, 0)).toBe(false)
    expect(fits({ type: "integer" }, 1.5)).toBe(false)
    expect(fits({ type: "boolean" }, "true")).toBe(false)
    expect(fits({ type: "array", items: { type: "string", enum: ["a"] } }, ["b"])).toBe(false)
    expect(fits({ type: "array", maxItems: 1, items: { type: "string", enum: ["a"] } }, ["a", "a"])).toBe(
      false,
    )
    expect(fits({ type: "string" }, undefined)).toBe(false)
    expect(Option.isNone(Form.misfit({ properties: {} }, { other: 1 }))).toBe(false)
    expect(Option.isNone(Form.misfit({ properties: {} }, "text"))).toBe(false)
  })
})
