import { describe, expect, it } from "@effect/vitest"
import { AgentEvent, ControlEvents } from "@runlease/core"
import { FastCheck } from "effect"
import { anyEvent, ended } from "./agui/AnyEvent.js"
import { peers, shown, subject, taken, viewOf } from "./agui/Clients.js"

type Event = AgentEvent.LogEvent

const typesOf = (events: ReadonlyArray<Event>) => events.map((event) => event.type)

describe("AgUiView", () => {
  it("leaves a valid log as it is", async () => {
    const log = ended([
      { type: "RUN_STARTED", threadId: "thread", runId: "run" },
      { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hello" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      { type: "CUSTOM", name: "x", value: { deep: [null] } },
    ])
    const [started, ...rest] = log
    expect((await shown(log)).current).toEqual([{ ...started, protocolVersion: "1.0" }, ...rest])
  })

  it("leaves out the records of steps", async () => {
    const record = (name: string): Event => ({
      type: "CUSTOM",
      name,
      value: { step_id: "0", record_id: "r", name: "pay", result: '"secret"' },
    })
    const steps: ReadonlyArray<Event> = [
      { type: "STEP_STARTED", stepName: "pay" },
      record("runlease.intent"),
      { type: "STEP_FINISHED", stepName: "pay" },
      record("runlease.step"),
    ]
    const log = ended([{ type: "RUN_STARTED", threadId: "thread", runId: "run" }, ...steps])
    for (const events of Object.values(await shown(log))) {
      expect(typesOf(events)).toEqual(["RUN_STARTED", "STEP_STARTED", "STEP_FINISHED", "RUN_FINISHED"])
    }
  })

  it("tells of a step that failed that it has, and not why", async () => {
    const log = ended([
      { type: "RUN_STARTED", threadId: "thread", runId: "run" },
      { type: "STEP_STARTED", stepName: "pay" },
      { type: "STEP_FINISHED", stepName: "pay", error: { message: "secret" }, metadata: { a: 1 } },
    ])
    for (const events of Object.values(await shown(log))) {
      expect(events[2]).toEqual({
        type: "STEP_FINISHED",
        stepName: "pay",
        metadata: { a: 1, "runlease.isError": true },
      })
    }
  })

  it("names the run as the client does, and keeps what is ours of an interrupt among its metadata", async () => {
    const run = { threadId: "conversation", runId: "public" }
    const interrupt = { id: "c", reason: "tool_call", toolCallId: "c" }
    const asked = (of: object) => ({ type: "RUN_FINISHED", outcome: { type: "interrupt", interrupts: [of] } })
    const { current } = await shown([
      { type: "RUN_STARTED", ...run },
      {
        ...asked({ ...interrupt, toolName: "colour", toolArguments: { rgb: 900 }, metadata: { a: 1 } }),
        ...run,
      },
    ])
    expect(current).toEqual([
      { type: "RUN_STARTED", ...subject, protocolVersion: "1.0" },
      {
        ...asked({
          ...interrupt,
          metadata: { a: 1, "runlease.toolName": "colour", "runlease.toolArguments": { rgb: 900 } },
        }),
        ...subject,
      },
    ])
  })

  it("inserts missing starts, leaves out what is out of place, and shows what is unknown as RAW", async () => {
    const { current: view } = await shown(
      ended([
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a" },
        { type: "RUN_STARTED", threadId: "thread", runId: "run" },
        { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
        { type: "TOOL_CALL_ARGS", toolCallId: "t", delta: "{}" },
        { type: "TOOL_CALL_END", toolCallId: "other" },
        { type: "STEP_FINISHED", stepName: "never" },
        { type: "SOMETHING_ELSE", value: 1 },
        { type: "TEXT_MESSAGE_CONTENT", delta: "no message" },
      ]),
    )
    expect(typesOf(view)).toEqual([
      "RUN_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "RAW",
      "RAW",
      "TEXT_MESSAGE_END",
      "TOOL_CALL_END",
      "RUN_FINISHED",
    ])
  })

  it("leaves out optional fields that are null", async () => {
    const { current: view } = await shown(
      ended([{ type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant", name: null, timestamp: null }]),
    )
    expect(view[1]).toEqual({ type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" })
  })

  it("starts a subagent once: its id used again is RAW", async () => {
    const { current: view } = await shown(
      ended([
        { type: "SUBAGENT_STARTED", subagentRunId: "s", name: "helper" },
        { type: "SUBAGENT_FINISHED", subagentRunId: "s" },
        { type: "SUBAGENT_STARTED", subagentRunId: "s", name: "helper" },
      ]),
    )
    expect(typesOf(view)).toEqual([
      "RUN_STARTED",
      "SUBAGENT_STARTED",
      "SUBAGENT_FINISHED",
      "RAW",
      "RUN_FINISHED",
    ])
  })

  it("spells chunks out, and closes them with whatever else comes", async () => {
    const { current: view } = await shown(
      ended([
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "a" },
        { type: "TEXT_MESSAGE_CHUNK", delta: "b" },
        { type: "TOOL_CALL_CHUNK", toolCallId: "t", toolCallName: "look", delta: "{}" },
        { type: "CUSTOM", name: "x", value: 1 },
        { type: "TOOL_CALL_CHUNK", delta: "lost" },
      ]),
    )
    expect(typesOf(view)).toEqual([
      "RUN_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "CUSTOM",
      "RAW",
      "RUN_FINISHED",
    ])
  })

  it("keeps chunks of each agent apart, and closes nothing for what closes nothing", async () => {
    const ofSubagent = { subagentRunId: "s" }
    const { current } = await shown(
      ended([
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "a" },
        { type: "SUBAGENT_STARTED", subagentRunId: "s", name: "helper" },
        { type: "TEXT_MESSAGE_CHUNK", messageId: "n", delta: "b", ...ofSubagent },
        { type: "RAW", event: {} },
        { type: "UNKNOWN" },
        { type: "ACTIVITY_SNAPSHOT", messageId: "x", activityType: "t", content: {} },
        { type: "REASONING_ENCRYPTED_VALUE", subtype: "message", entityId: "m", encryptedValue: "e" },
        { type: "TEXT_MESSAGE_CHUNK", delta: "c" },
        { type: "TEXT_MESSAGE_CHUNK", delta: "d", ...ofSubagent },
        { type: "CUSTOM", name: "x", value: 1 },
        { type: "TEXT_MESSAGE_CHUNK", delta: "e", ...ofSubagent },
        { type: "SUBAGENT_FINISHED", ...ofSubagent },
      ]),
    )
    expect(
      current.flatMap(({ delta, messageId, type }) =>
        type.startsWith("TEXT") ? [[type, messageId, delta]] : [],
      ),
    ).toEqual([
      ["TEXT_MESSAGE_START", "m", undefined],
      ["TEXT_MESSAGE_CONTENT", "m", "a"],
      ["TEXT_MESSAGE_START", "n", undefined],
      ["TEXT_MESSAGE_CONTENT", "n", "b"],
      ["TEXT_MESSAGE_CONTENT", "m", "c"],
      ["TEXT_MESSAGE_CONTENT", "n", "d"],
      ["TEXT_MESSAGE_END", "m", undefined],
      ["TEXT_MESSAGE_CONTENT", "n", "e"],
      ["TEXT_MESSAGE_END", "n", undefined],
    ])
    expect(current.filter(({ type }) => type === "RAW")).toHaveLength(2)
  })

  it("merges the metadata of later chunks into their item", async () => {
    const { current } = await shown(
      ended([
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "a", metadata: { a: 1 } },
        { type: "TEXT_MESSAGE_CHUNK", delta: "b", metadata: { b: 2 } },
        { type: "TEXT_MESSAGE_CHUNK", metadata: { c: 3 } },
      ]),
    )
    expect(current.flatMap(({ metadata }) => metadata ?? [])).toEqual([
      { a: 1 },
      { a: 1 },
      { b: 2 },
      { c: 3 },
    ])
  })

  for (const name of [ControlEvents.attemptEventName, ControlEvents.waitingEventName]) {
    it(`closes what chunks of an attempt that is over left open, of each agent (${name})`, async () => {
      const log: ReadonlyArray<Event> = [
        { type: "SUBAGENT_STARTED", subagentRunId: "s", name: "helper" },
        { type: "TEXT_MESSAGE_CHUNK", messageId: "n", delta: "b", subagentRunId: "s" },
        AgentEvent.custom(name, {}),
      ]
      expect(typesOf(viewOf(log)).slice(-2)).toEqual(["TEXT_MESSAGE_END", "CUSTOM"])
    })
  }

  it("lists what a dead attempt has opened and no record names, once", async () => {
    const text = (id: string): ReadonlyArray<Event> => [
      { type: "TEXT_MESSAGE_START", messageId: id, role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: id, delta: id },
      { type: "TEXT_MESSAGE_END", messageId: id },
    ]
    const called = (id: string): ReadonlyArray<Event> => [
      { type: "TOOL_CALL_START", toolCallId: id, toolCallName: "look" },
      { type: "TOOL_CALL_END", toolCallId: id },
    ]
    const record: Event = AgentEvent.custom("runlease.step", {
      step_id: "0",
      record_id: "r",
      name: "answer",
      messages: ["m1"],
      tool_calls: ["c1"],
    })
    const died = (attempt: number): Event =>
      AgentEvent.custom(ControlEvents.attemptEventName, {
        previous: { attempt, worker_id: "w", ended: "lease_expired" },
      })
    const { current, older } = await shown(
      ended([
        ...text("m1"),
        ...called("c1"),
        record,
        { type: "REASONING_START", messageId: "r2" },
        { type: "REASONING_END", messageId: "r2" },
        ...text("m2"),
        { type: "TOOL_CALL_CHUNK", toolCallId: "c2", toolCallName: "look", delta: "{}" },
        died(1),
        died(2),
        ...text("m3"),
        AgentEvent.toolCallResult("result", "c1", "found", { role: "tool" }),
      ]),
    )
    for (const view of [current, older]) {
      expect(
        view.flatMap(({ name, value }) => (name === ControlEvents.attemptEventName ? [value] : [])),
      ).toEqual([
        {
          previous: { attempt: 1, worker_id: "w", ended: "lease_expired" },
          superseded: { messages: ["r2", "m2"], tool_calls: ["c2"] },
        },
        { previous: { attempt: 2, worker_id: "w", ended: "lease_expired" } },
      ])
      const results = view.filter(({ type }) => type === "TOOL_CALL_RESULT")
      expect(results.map(({ toolCallId, metadata }) => [toolCallId, metadata])).toEqual([
        ["c1", undefined],
        ["c2", { "runlease.isError": true }],
      ])
    }
  })

  it("lists nothing that was shown before the run waited for an answer", async () => {
    const { current } = await shown([
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "a" },
      {
        type: "RUN_FINISHED",
        ...subject,
        outcome: { type: "interrupt", interrupts: [{ id: "sure", reason: "confirm" }] },
      },
      { type: "RUN_STARTED", ...subject },
      AgentEvent.custom(ControlEvents.attemptEventName, { previous: {} }),
    ])
    expect(current.at(-1)?.["value"]).toEqual({ previous: {} })
  })

  it("continues the item that a chunk contradicts, and begins a tool call without a name", async () => {
    const { current } = await shown(
      ended([
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "a" },
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", role: "user", delta: "b", subagentRunId: "s" },
        { type: "TOOL_CALL_CHUNK", toolCallId: "t", delta: "{}" },
      ]),
    )
    expect(
      current.flatMap(({ delta, messageId }) => (delta === undefined ? [] : [[messageId, delta]])),
    ).toEqual([
      ["m", "a"],
      ["m", "b"],
      [undefined, "{}"],
    ])
    expect(current.find(({ type }) => type === "TOOL_CALL_START")?.["toolCallName"]).toBe("unknown")
  })

  it("leaves out fields that AG-UI does not have, at any depth", async () => {
    const part = { type: "text", text: "x" }
    const operation = { op: "add", path: "/a", value: { extra: 1 } }
    const { current } = await shown(
      ended([
        { type: "TOOL_CALL_START", toolCallId: "t", toolCallName: "look", extra: 1 },
        { type: "TOOL_CALL_END", toolCallId: "t" },
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r",
          toolCallId: "t",
          content: [{ ...part, extra: 1 }],
          metadata: { kept: 1 },
          isError: true,
        },
        { type: "STATE_DELTA", delta: [operation] },
        { type: "CUSTOM", name: "x", value: { extra: 1 }, extra: 1 },
      ]),
    )
    expect(current.slice(1, -1)).toEqual([
      { type: "TOOL_CALL_START", toolCallId: "t", toolCallName: "look" },
      { type: "TOOL_CALL_END", toolCallId: "t" },
      {
        type: "TOOL_CALL_RESULT",
        messageId: "r",
        toolCallId: "t",
        content: [part],
        metadata: { kept: 1, "runlease.isError": true },
      },
      { type: "STATE_DELTA", delta: [operation] },
      { type: "CUSTOM", name: "x", value: { extra: 1 } },
    ])
  })

  it("goes on after an interrupt with a new start", async () => {
    const { current: view } = await shown([
      { type: "RUN_STARTED", threadId: "thread", runId: "run" },
      {
        type: "RUN_FINISHED",
        threadId: "thread",
        runId: "run",
        outcome: { type: "interrupt", interrupts: [{ id: "t", reason: "waiting", toolCallId: "t" }] },
      },
      ...ended([{ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "again" }]),
    ])
    expect(typesOf(view).filter((type) => type === "RUN_STARTED")).toHaveLength(2)
  })

  it("makes of any log what an AG-UI client accepts", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.array(anyEvent, { maxLength: 40 }),
        FastCheck.constantFrom("completed" as const, "failed" as const, "cancelled" as const),
        async (events, status) => {
          const log = ended(events, status)
          for (const peer of peers) {
            const view = viewOf(log, peer)
            expect(await taken(view, peer)).toBe(view.length)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
