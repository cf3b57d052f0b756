import { AgentEvent, LogState } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import {
  callId,
  detailsOf,
  eventsOf,
  messageId,
  ports,
  resultsOf,
  scripted,
  type Step,
  textOf,
} from "./Agents.js"

const call = (fields: Step): Step => ({
  update: { sessionUpdate: "tool_call", toolCallId: "c", title: "Run", ...fields },
})
const more = (fields: Step): Step => ({
  update: { sessionUpdate: "tool_call_update", toolCallId: "c", ...fields },
})

const eventsOfSteps = (...steps: ReadonlyArray<Step>) => Effect.flatMap(scripted({ steps }), eventsOf)

describe("an update of a tool call", () => {
  it.live("shows each change of the input, and the final one as the arguments when the call begins", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfSteps(
        call({ status: "pending", rawInput: {} }),
        more({ rawInput: { command: "ls" }, title: "ls", kind: "execute" }),
        more({ rawInput: { command: "ls -l" } }),
        more({ rawInput: { command: "ls -l" } }),
        { say: "a" },
        more({ status: "completed", rawOutput: "out" }),
      )
      deepStrictEqual(detailsOf(events), [
        { toolCallId: callId("c"), title: "ls", kind: "execute", rawInput: { command: "ls" } },
        { toolCallId: callId("c"), rawInput: { command: "ls -l" } },
        { toolCallId: callId("c"), status: "completed", rawOutput: "out" },
      ])
      deepStrictEqual(
        events.flatMap((event) => (event.type === "TOOL_CALL_ARGS" ? [event["delta"]] : [])),
        ['{"command":"ls -l"}'],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("shows the _meta that agents add to it", () =>
    Effect.gen(function* () {
      const started = { terminal_info: { terminal_id: "c" } }
      const delta = { terminal_output_delta: { terminal_id: "c", data: "." } }
      const exit = { terminal_exit: { terminal_id: "c", exit_code: 3 } }
      const events = yield* eventsOfSteps(
        call({ status: "in_progress", rawInput: { command: "x" }, _meta: started }),
        more({ _meta: delta }),
        more({ _meta: delta }),
        more({ _meta: exit, status: "failed" }),
      )
      deepStrictEqual(
        detailsOf(events).map((value) => (value as { readonly _meta: unknown })._meta),
        [started, delta, delta, exit],
      )
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is read without its malformed parts", () =>
    Effect.gen(function* () {
      const diff = { type: "diff", path: "/a", newText: "y" }
      const events = yield* eventsOfSteps(
        call({
          kind: 1,
          status: ["pending"],
          rawInput: { a: 1 },
          content: [null, "text", { type: "diff", path: 1 }, { type: "terminal" }, { type: "content" }, diff],
          locations: [{ path: "/a", line: 1 }, { line: 2 }, "x"],
          _meta: "m",
        }),
        more({ title: { text: "t" }, content: "none", locations: 2, status: "completed" }),
      )
      deepStrictEqual(
        events.flatMap((event) => (event.type === "TOOL_CALL_START" ? [event["toolCallName"]] : [])),
        ["Run"],
      )
      deepStrictEqual(detailsOf(events), [
        {
          toolCallId: callId("c"),
          title: "Run",
          content: [diff],
          locations: [{ path: "/a", line: 1 }],
          rawInput: { a: 1 },
        },
      ])
      deepStrictEqual(resultsOf(events), [JSON.stringify([diff])])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("without a call becomes a CUSTOM event", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfSteps({ update: { sessionUpdate: "tool_call", title: "t" } })
      deepStrictEqual(events[0], AgentEvent.custom("acp.tool_call", { title: "t" }))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("a chunk", () => {
  const chunk = (fields: Step): Step => ({
    update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "a" }, ...fields },
  })

  it.live("continues the message with its id, although another came in between", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfSteps(
        chunk({ messageId: "a" }),
        chunk({ messageId: "b" }),
        chunk({ messageId: "a" }),
        chunk({ messageId: "b", sessionUpdate: "agent_thought_chunk" }),
        chunk({ messageId: "a" }),
      )
      const second = `${messageId}.1`
      deepStrictEqual(
        events.flatMap(({ messageId, type }) => (type.endsWith("_MESSAGE_CONTENT") ? [messageId] : [])),
        [messageId, second, messageId, `${messageId}.2`, messageId],
      )
      for (const [index, event] of events.entries()) {
        const state = LogState.afterAll(LogState.initial, events.slice(0, index))
        assertTrue(!LogState.misplaced(state, event), JSON.stringify(event))
      }
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("shows its _meta, with or without a text", () =>
    Effect.gen(function* () {
      const _meta = { source: "x" }
      const empty = { content: { type: "text", text: "" } }
      const events = yield* eventsOfSteps(chunk({ _meta }), chunk({}), chunk({ ...empty, _meta }))
      deepStrictEqual(events.slice(1, 4), [
        { ...AgentEvent.textContent(messageId, "a"), metadata: { acp: { _meta } } },
        AgentEvent.textContent(messageId, "a"),
        AgentEvent.custom("acp.content", {
          kind: "text",
          sessionUpdate: "agent_message_chunk",
          ...empty,
          _meta,
        }),
      ])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is read without its malformed parts", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfSteps(chunk({ messageId: 1, _meta: [] }))
      deepStrictEqual(events[1], AgentEvent.textContent(messageId, "a"))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("a plan and the usage", () => {
  it.live("are read without their malformed parts", () =>
    Effect.gen(function* () {
      const entry = { content: "think", priority: "high", status: "pending" }
      const events = yield* eventsOfSteps(
        { update: { sessionUpdate: "plan", entries: ["x", { status: "pending" }, entry] } },
        { update: { sessionUpdate: "plan", entries: "none" } },
        { update: { sessionUpdate: "usage_update", used: 1, size: 2, cost: "none" } },
      )
      deepStrictEqual(
        events.flatMap((event) => (event.type === "ACTIVITY_SNAPSHOT" ? [event["content"]] : [])),
        [{ entries: [entry] }, { entries: [] }],
      )
      const { acp } = events.at(-1)!["metadata"] as { readonly acp: { readonly context: unknown } }
      deepStrictEqual(acp.context, { used: 1, size: 2 })
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

describe("the end of a turn", () => {
  for (const stop of ["tool_use", null]) {
    it.live(`with the stop reason ${stop} is no success`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOfSteps({ say: "a" }, { stop })
        strictEqual(textOf(events), "a")
        const { code, message, type } = events.at(-1)!
        deepStrictEqual([type, code], ["RUN_ERROR", "agent_stop_reason_unknown"])
        assertInclude(String(message), String(stop))
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }
})
