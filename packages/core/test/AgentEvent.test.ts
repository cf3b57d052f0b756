import { EventType, type AGUIEvent } from "@ag-ui/core"
import { EventSchemas } from "@ag-ui/core/schemas"
import { assert, describe, expect, it } from "@effect/vitest"
import type { Effect, Stream } from "effect"
import { expectTypeOf } from "vitest"
import * as AgentEvent from "../src/model/AgentEvent.js"
import type * as Emit from "../src/executor/Emit.js"
import type { Output, Source } from "../src/executor/ExecutorOutput.js"

type Type = AgentEvent.EventType

/** The event of each type, with its required fields alone and with its optional fields. */
const made: { readonly [T in Type]: ReadonlyArray<Extract<AgentEvent.AgentEvent, { readonly type: T }>> } = {
  RUN_STARTED: [
    AgentEvent.runStarted("t", "r"),
    AgentEvent.runStarted("t", "r", {
      parentRunId: "p",
      protocolVersion: "1.0",
      input: {
        threadId: "t",
        runId: "r",
        messages: [{ id: "m", role: "user", content: [{ type: "text", text: "hi" }] }],
        tools: [{ name: "search", description: "Searches" }],
        context: [{ description: "today", value: "Monday" }],
        resume: [{ interruptId: "i", status: "resolved", payload: true }],
      },
    }),
  ],
  RUN_FINISHED: [
    AgentEvent.runFinished("t", "r"),
    AgentEvent.runFinished("t", "r", {
      outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "confirmation", message: "Go on?" }] },
      usage: [{ provider: "p", model: "m", inputTokens: 1 }],
    }),
    AgentEvent.runFinished("t", "r", { result: 1, outcome: { type: "success", pendingToolCallIds: ["c"] } }),
  ],
  RUN_ERROR: [AgentEvent.runError("off"), AgentEvent.runError("off", { code: "down", usage: [{}] })],
  STEP_STARTED: [AgentEvent.stepStarted("s"), AgentEvent.stepStarted("s", { subagentRunId: "a" })],
  STEP_FINISHED: [AgentEvent.stepFinished("s"), AgentEvent.stepFinished("s", { timestamp: 1 })],
  TEXT_MESSAGE_START: [AgentEvent.textStart("m"), AgentEvent.textStart("m", "developer", { name: "n" })],
  TEXT_MESSAGE_CONTENT: [
    AgentEvent.textContent("m", "a"),
    AgentEvent.textContent("m", "a", { metadata: { of: "x" } }),
  ],
  TEXT_MESSAGE_END: [AgentEvent.textEnd("m"), AgentEvent.textEnd("m", { rawEvent: { a: 1 } })],
  TEXT_MESSAGE_CHUNK: [
    AgentEvent.textChunk({ delta: "a" }),
    AgentEvent.textChunk({ messageId: "m", role: "user", delta: "a", name: "n" }),
  ],
  TOOL_CALL_START: [
    AgentEvent.toolCallStart("c", "search"),
    AgentEvent.toolCallStart("c", "search", { parentMessageId: "m" }),
  ],
  TOOL_CALL_ARGS: [AgentEvent.toolCallArgs("c", "{}"), AgentEvent.toolCallArgs("c", "{}", { timestamp: 1 })],
  TOOL_CALL_END: [AgentEvent.toolCallEnd("c"), AgentEvent.toolCallEnd("c", { subagentRunId: "a" })],
  TOOL_CALL_CHUNK: [
    AgentEvent.toolCallChunk({ delta: "{}" }),
    AgentEvent.toolCallChunk({ toolCallId: "c", toolCallName: "search", parentMessageId: "m", delta: "{}" }),
  ],
  TOOL_CALL_RESULT: [
    AgentEvent.toolCallResult("m", "c", "done"),
    AgentEvent.toolCallResult(
      "m",
      "c",
      [{ type: "image", source: { type: "url", value: "https://example.com/a.png" } }],
      { role: "tool" },
    ),
    AgentEvent.toolCallFailure("m", "c", "No such file"),
  ],
  STATE_SNAPSHOT: [AgentEvent.stateSnapshot({ a: 1 }), AgentEvent.stateSnapshot(null, { timestamp: 1 })],
  STATE_DELTA: [
    AgentEvent.stateDelta([
      { op: "test", path: "/a", value: 1 },
      { op: "move", from: "/a", path: "/b" },
      { op: "remove", path: "/b" },
    ]),
    AgentEvent.stateDelta([], { subagentRunId: "a" }),
  ],
  MESSAGES_SNAPSHOT: [
    AgentEvent.messagesSnapshot([
      { id: "1", role: "developer", content: "d" },
      { id: "2", role: "system", content: "s", name: "n" },
      {
        id: "3",
        role: "assistant",
        toolCalls: [{ id: "c", type: "function", function: { name: "search", arguments: "{}" } }],
      },
      { id: "4", role: "tool", toolCallId: "c", content: "done", error: "late" },
      { id: "5", role: "activity", activityType: "PLAN", content: { entries: [] } },
      { id: "6", role: "reasoning", content: "hm", encryptedValue: "x" },
    ]),
    AgentEvent.messagesSnapshot([], { timestamp: 1 }),
  ],
  ACTIVITY_SNAPSHOT: [
    AgentEvent.activitySnapshot("m", "PLAN", { entries: [] }),
    AgentEvent.activitySnapshot("m", "PLAN", {}, { replace: false }),
  ],
  ACTIVITY_DELTA: [
    AgentEvent.activityDelta("m", "PLAN", [{ op: "add", path: "/entries/-", value: 1 }]),
    AgentEvent.activityDelta("m", "PLAN", [], { timestamp: 1 }),
  ],
  REASONING_START: [AgentEvent.reasoningStart("m"), AgentEvent.reasoningStart("m", { subagentRunId: "a" })],
  REASONING_MESSAGE_START: [
    AgentEvent.reasoningMessageStart("m"),
    AgentEvent.reasoningMessageStart("m", { timestamp: 1 }),
  ],
  REASONING_MESSAGE_CONTENT: [
    AgentEvent.reasoningMessageContent("m", "hm"),
    AgentEvent.reasoningMessageContent("m", "hm", { timestamp: 1 }),
  ],
  REASONING_MESSAGE_END: [
    AgentEvent.reasoningMessageEnd("m"),
    AgentEvent.reasoningMessageEnd("m", { timestamp: 1 }),
  ],
  REASONING_MESSAGE_CHUNK: [
    AgentEvent.reasoningMessageChunk({ delta: "hm" }),
    AgentEvent.reasoningMessageChunk({ messageId: "m", delta: "hm" }),
  ],
  REASONING_END: [AgentEvent.reasoningEnd("m"), AgentEvent.reasoningEnd("m", { timestamp: 1 })],
  REASONING_ENCRYPTED_VALUE: [
    AgentEvent.reasoningEncryptedValue("tool-call", "c", "x"),
    AgentEvent.reasoningEncryptedValue("message", "m", "x", { timestamp: 1 }),
  ],
  SUBAGENT_STARTED: [
    AgentEvent.subagentStarted("a", "researcher"),
    AgentEvent.subagentStarted("a", "researcher", {
      description: "Looks things up",
      parentSubagentRunId: "b",
      parentToolCallId: "c",
      parentMessageId: "m",
    }),
  ],
  SUBAGENT_FINISHED: [
    AgentEvent.subagentFinished("a"),
    AgentEvent.subagentFinished("a", { result: 1, outcome: { type: "suspended", interruptIds: ["i"] } }),
  ],
  SUBAGENT_ERROR: [
    AgentEvent.subagentError("a", "off"),
    AgentEvent.subagentError("a", "off", { code: "down" }),
  ],
  RAW: [AgentEvent.raw({ kind: "other" }), AgentEvent.raw(null, { source: "other" })],
  CUSTOM: [AgentEvent.custom("n", 1), AgentEvent.custom("n", null, { timestamp: 1 })],
}

/** A type with all fields read-only and enums as their strings. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? ReadonlyArray<Plain<Item>>
    : T extends object
      ? { readonly [K in keyof T]: unknown extends T[K] ? unknown : Plain<T[K]> }
      : T

/** A type with every optional field required, so that a field missing on one side is a type error. */
type Filled<T> = T extends string
  ? T
  : T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Filled<Item>>
    : T extends object
      ? { readonly [K in keyof T]-?: unknown extends T[K] ? unknown : Filled<T[K]> }
      : T

type Assignable<From, To> = [From] extends [To] ? true : false

/** The type that `switch` narrows an event of this type to. */
const textOf = (event: AgentEvent.AgentEvent): string | undefined => {
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
      return event.delta
    case "RUN_FINISHED":
      return event.outcome?.type === "interrupt" ? event.outcome.interrupts[0]?.reason : undefined
    case "TOOL_CALL_RESULT":
      return typeof event.content === "string" ? event.content : event.content[0]?.type
    default:
      return undefined
  }
}

describe("the constructors of events", () => {
  it("make every event of AG-UI 1.0, and no other", () => {
    expect(Object.keys(made).sort()).toStrictEqual(Object.values(EventType).sort())
    expect([...AgentEvent.eventTypes].sort()).toStrictEqual(Object.values(EventType).sort())
  })

  for (const [type, events] of Object.entries(made)) {
    it(`make a ${type} that AG-UI accepts unchanged`, () => {
      for (const event of events) {
        expect(event.type).toBe(type)
        expect(EventSchemas.parse(event)).toStrictEqual(event)
        expect(AgentEvent.problemOf(event)).toBe(undefined)
      }
    })
  }
})

describe("the result of a call that failed", () => {
  it("is recognised, in older logs too", () => {
    const result = AgentEvent.toolCallResult("m", "c", "done")
    expect(AgentEvent.isToolCallFailure(AgentEvent.toolCallFailure("m", "c", "No such file"))).toBe(true)
    expect(AgentEvent.isToolCallFailure({ ...result, isError: true })).toBe(true)
    expect(AgentEvent.isToolCallFailure(result)).toBe(false)
    expect(AgentEvent.isToolCallFailure({ ...result, metadata: { isError: true } })).toBe(false)
  })
})

describe("the type of an event", () => {
  it("equals the type of AG-UI, field by field", () => {
    const same: readonly [
      Assignable<AgentEvent.AgentEvent, Plain<AGUIEvent>>,
      Assignable<Plain<AGUIEvent>, AgentEvent.AgentEvent>,
      Assignable<Filled<AgentEvent.AgentEvent>, Filled<Plain<AGUIEvent>>>,
      Assignable<Filled<Plain<AGUIEvent>>, Filled<AgentEvent.AgentEvent>>,
      Assignable<AgentEvent.AgentEvent, AgentEvent.LogEvent>,
    ] = [true, true, true, true, true]
    expect(same).toStrictEqual([true, true, true, true, true])
  })

  it("is narrowed by `type`", () => {
    expect(textOf(AgentEvent.textContent("m", "a"))).toBe("a")
    expect(textOf(made.RUN_FINISHED[1]!)).toBe("confirmation")
    expect(textOf(made.TOOL_CALL_RESULT[1]!)).toBe("image")
  })

  it("is required of the events that an executor returns and emits", () => {
    type Unknown = { readonly type: "TEXT_MESAGE_START"; readonly messageId: string }
    type Incomplete = { readonly type: "TEXT_MESSAGE_START" }
    const refused: readonly [
      Assignable<Unknown, Output>,
      Assignable<Incomplete, Output>,
      Assignable<Stream.Stream<Unknown>, Source>,
      Assignable<Effect.Effect<Unknown>, Source>,
      Assignable<AsyncIterable<Unknown>, Source>,
      Assignable<Unknown, Parameters<typeof Emit.event>[0]>,
      Assignable<AgentEvent.LogEvent, Output>,
    ] = [false, false, false, false, false, false, false]
    const accepted: readonly [
      Assignable<AgentEvent.TextStart, Output>,
      Assignable<Stream.Stream<string | AgentEvent.Custom>, Source>,
    ] = [true, true]
    expect([...refused, ...accepted].filter(Boolean)).toHaveLength(2)
  })
})

describe("events for readers", () => {
  const ended: AgentEvent.LogEvent = { type: "TEXT_MESSAGE_END", messageId: "m" }
  const says: AgentEvent.LogEvent = { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "hi" }
  const half: AgentEvent.LogEvent = { type: "TEXT_MESSAGE_CONTENT", messageId: "m" }
  const later: AgentEvent.LogEvent = { type: "OF_A_LATER_PROTOCOL", delta: 1 }

  it("are of a type where they have its fields", () => {
    const isText = AgentEvent.is("TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END")
    assert.deepStrictEqual(
      [ended, says, half, later].filter(isText).map(({ type }) => type),
      ["TEXT_MESSAGE_END", "TEXT_MESSAGE_CONTENT"],
    )
    const texts = [ended, says].filter(AgentEvent.is("TEXT_MESSAGE_CONTENT"))
    expectTypeOf(texts).toEqualTypeOf<Array<AgentEvent.EventOf<"TEXT_MESSAGE_CONTENT">>>()
    // @ts-expect-error -- a type that no event has
    AgentEvent.is("TEXT_MESSAGE")
  })

  it("go to the case of their type, else to orElse", () => {
    const text = AgentEvent.match({
      TEXT_MESSAGE_CONTENT: ({ delta }) => delta,
      TEXT_MESSAGE_END: ({ messageId }) => `(${messageId})`,
      orElse: ({ type }) => type,
    })
    assert.deepStrictEqual([says, ended, half, later, { type: "orElse" }, { type: "toString" }].map(text), [
      "hi",
      "(m)",
      "TEXT_MESSAGE_CONTENT",
      "OF_A_LATER_PROTOCOL",
      "orElse",
      "toString",
    ])
    expectTypeOf(text).returns.toEqualTypeOf<string>()
    // @ts-expect-error -- events of a later protocol have no case
    AgentEvent.match({ RUN_STARTED: () => 1 })
    // @ts-expect-error -- a type that no event has
    AgentEvent.match({ TEXT_MESSAGE: () => 1, orElse: () => 0 })
  })

  it("may have cases of different types", () => {
    const either = AgentEvent.match({ TEXT_MESSAGE_END: () => 1, orElse: () => "none" })
    expectTypeOf(either).returns.toEqualTypeOf<string | number>()
  })
})
