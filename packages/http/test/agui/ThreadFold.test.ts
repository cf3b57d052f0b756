import { describe, expect, it } from "@effect/vitest"
import { AgentEvent } from "@runlease/core"
import * as JsonPatch from "../../src/agui/JsonPatch.js"
import * as ThreadFold from "../../src/agui/ThreadFold.js"

const bounds = { maxBytes: 10_000, maxStateBytes: 1000 }

type Event = Parameters<ThreadFold.ThreadFold["event"]>[0]
type Message = Parameters<ThreadFold.ThreadFold["input"]>[0][number]

const fold = (
  input: ReadonlyArray<Message>,
  events: ReadonlyArray<Event>,
  state?: unknown,
  maxBytes = bounds.maxBytes,
): ThreadFold.Folded => {
  const thread = ThreadFold.make({ ...bounds, maxBytes })
  thread.input(input, state)
  for (const event of events) thread.event(event)
  return thread.result()
}

const user = (id: string, content = id) => ({ id, role: "user" as const, content })
const result = (id: string, toolCallId: string, content: string) => ({
  id,
  role: "tool" as const,
  toolCallId,
  content,
})
const calling = (id: string, args = "{}", name = "find") => ({
  id,
  type: "function",
  function: { name, arguments: args },
})

describe("what a thread holds", () => {
  it("looks at a call of a message a few times, however many its log changes", () => {
    let looks = 0
    const watched = (id: string) => ({
      ...calling(id, ""),
      get id() {
        looks += 1
        return id
      },
    })
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`)
    const input = [user("u"), { id: "m", role: "assistant" as const, toolCalls: ids.map(watched) }]
    const events = ids.flatMap((id) => [
      AgentEvent.toolCallStart(id, "find", { parentMessageId: "m" }),
      AgentEvent.toolCallArgs(id, "{}"),
      AgentEvent.toolCallEnd(id),
      AgentEvent.toolCallResult(`r-${id}`, id, "found"),
    ])
    const { messages } = fold(input, events, undefined, 1_000_000)
    expect(messages.map(({ id }) => id)).toEqual(["u", "m", ...ids.map((id) => `r-${id}`)])
    expect(messages[1]?.["toolCalls"]).toEqual(ids.map((id) => calling(id, "{}")))
    expect(looks).toBeLessThan(20 * ids.length)
  })

  it("has the results of calls behind them, in the order of the results", () => {
    const calls = ["a", "b", "c"].map((id) => AgentEvent.toolCallStart(id, "find", { parentMessageId: "m" }))
    const { messages } = fold(
      [user("u"), result("early", "b", "client"), user("v")],
      [
        ...calls,
        AgentEvent.textStart("later"),
        AgentEvent.toolCallResult("r-c", "c", "C"),
        AgentEvent.toolCallResult("r-b", "b", "B"),
        AgentEvent.toolCallResult("r-a", "a", "A"),
      ],
    )
    expect(messages.map(({ id }) => id)).toEqual(["u", "v", "m", "r-c", "r-b", "r-a", "later"])
  })

  it("has what the input restates of the log once, at its place and as the log tells it", () => {
    const { messages } = fold(
      [
        user("u1"),
        { id: "m", role: "assistant", content: "hal", toolCalls: [calling("c", '{"a"')] },
        result("t", "c", "blue"),
        user("u2"),
      ],
      [
        AgentEvent.textStart("m"),
        AgentEvent.textContent("m", "half "),
        AgentEvent.textContent("m", "and half"),
        AgentEvent.textEnd("m"),
        AgentEvent.toolCallStart("c", "find", { parentMessageId: "m" }),
        AgentEvent.toolCallArgs("c", '{"a":'),
        AgentEvent.toolCallArgs("c", "1}"),
        AgentEvent.toolCallEnd("c"),
        AgentEvent.textStart("n"),
        AgentEvent.textContent("n", "Blue"),
      ],
    )
    expect(messages).toEqual([
      user("u1"),
      { id: "m", role: "assistant", content: "half and half", toolCalls: [calling("c", '{"a":1}')] },
      result("t", "c", "blue"),
      user("u2"),
      { id: "n", role: "assistant", content: "Blue" },
    ])
  })

  it("has answers behind the calls that they answer, until the log tells what the call gave", () => {
    const call = [AgentEvent.toolCallStart("c", "find"), AgentEvent.toolCallEnd("c")]
    const input = [user("u"), result("answer", "c", "approved")]
    const message = { id: "c", role: "assistant", toolCalls: [calling("c", "")] }
    expect(fold(input, call).messages).toEqual([user("u"), message, result("answer", "c", "approved")])
    expect(fold(input, [...call, AgentEvent.toolCallResult("r", "c", "found")]).messages).toEqual([
      user("u"),
      message,
      result("r", "c", "found"),
    ])
  })

  it("has what a snapshot of the log has, and activities that it does not speak of", () => {
    const { messages } = fold(
      [user("u1"), user("u2")],
      [
        AgentEvent.activitySnapshot("a", "plan", { steps: [] }),
        AgentEvent.messagesSnapshot([user("u2", "changed"), user("u3")]),
      ],
    )
    expect(messages).toEqual([
      user("u2", "changed"),
      { id: "a", role: "activity", activityType: "plan", content: { steps: [] } },
      user("u3"),
    ])
  })

  it("has sealed reasoning, though nothing opened its message", () => {
    const { messages } = fold([], [AgentEvent.reasoningEncryptedValue("message", "r", "sealed")])
    expect(messages).toEqual([{ id: "r", role: "reasoning", content: "", encryptedValue: "sealed" }])
  })

  it("drops messages, and calls with their results, whether these come before or after", () => {
    const thread = ThreadFold.make(bounds)
    thread.input([user("u1")], undefined)
    const events = [
      AgentEvent.textStart("half"),
      AgentEvent.textContent("half", "ha"),
      AgentEvent.toolCallStart("a", "find", { parentMessageId: "half" }),
      AgentEvent.toolCallStart("b", "find", { parentMessageId: "calls" }),
      AgentEvent.toolCallStart("c", "find", { parentMessageId: "calls" }),
      AgentEvent.toolCallResult("ra", "a", "found", { role: "tool" }),
    ]
    for (const event of events) thread.event(event)
    thread.drop({ messages: ["half", "unknown"], tool_calls: ["a", "b"] })
    thread.event(AgentEvent.toolCallResult("rb", "b", "found", { role: "tool" }))
    const calls = { id: "calls", role: "assistant", toolCalls: [calling("c", "")] }
    expect(thread.result().messages).toEqual([user("u1"), calls])
    thread.event(AgentEvent.toolCallStart("b", "find", { parentMessageId: "calls" }))
    thread.event(AgentEvent.toolCallResult("rb", "b", "found", { role: "tool" }))
    expect(thread.result().messages).toEqual([
      user("u1"),
      { ...calls, toolCalls: [calling("c", ""), calling("b", "")] },
      result("rb", "b", "found"),
    ])
  })

  it("keeps the newest messages within its bound, and counts the others", () => {
    const large = "x".repeat(3000)
    const { bytes, messages, omittedMessages } = fold(
      [user("u1", large), user("u2", large), user("u3", large)],
      [AgentEvent.textStart("m"), AgentEvent.textContent("m", large), AgentEvent.textContent("m", "y")],
    )
    expect(messages.map(({ id }) => id)).toEqual(["u2", "u3", "m"])
    expect(omittedMessages).toBe(1)
    expect(bytes).toBeLessThanOrEqual(bounds.maxBytes)
    const alone = fold([user("u1", "x".repeat(20_000))], [AgentEvent.textStart("m")])
    expect([alone.messages.map(({ id }) => id), alone.omittedMessages]).toEqual([["m"], 1])
  })

  it("has a state within its bound, or says that it has left it out, until there is another", () => {
    const doubling = AgentEvent.stateDelta([
      { op: "copy", from: "/a", path: "/b" },
      { op: "copy", from: "", path: "/a" },
    ])
    const exploding = Array.from({ length: 60 }, () => doubling)
    expect(fold([], [doubling], { a: 1 }).state).toEqual({ a: { a: 1, b: 1 }, b: 1 })
    const left = fold([], exploding, { a: 1 })
    expect([left.state, left.stateOmitted]).toEqual([undefined, true])
    const again = fold([], [...exploding, AgentEvent.stateSnapshot({ c: 1 })], { a: 1 })
    expect([again.state, again.stateOmitted]).toEqual([{ c: 1 }, false])
    expect(fold([], [], { a: "x".repeat(2000) }).stateOmitted).toBe(true)
  })
})

describe("a patch", () => {
  const given = { list: [1], deep: { a: 1 } }
  const apply = (patch: unknown, value: unknown = given) =>
    JsonPatch.apply({ value, bytes: JsonPatch.sizeOf(value) }, patch, 1000)?.value

  it("changes a copy, and all or nothing", () => {
    const before = structuredClone(given)
    expect(
      apply([
        { op: "add", path: "/list/-", value: 2 },
        { op: "move", from: "/deep/a", path: "/b" },
      ]),
    ).toEqual({ list: [1, 2], deep: {}, b: 1 })
    const failing = [
      { op: "add", path: "/list/-", value: 2 },
      { op: "test", path: "/deep/a", value: 9 },
    ]
    expect(apply(failing)).toBe(given)
    expect(given).toEqual(before)
    expect(apply([{ op: "replace", path: "", value: 5 }])).toBe(5)
  })

  it("copies a list once, however many of its operations change it", () => {
    let copies = 0
    class Counted extends Array<number> {
      override slice(start?: number, end?: number) {
        copies += 1
        return super.slice(start, end)
      }
    }
    const list = Counted.from({ length: 100 }, (_, index) => index)
    const patch = Array.from({ length: 50 }, (_, index) => ({
      op: "replace",
      path: `/list/${index}`,
      value: -1,
    }))
    const changed = apply(patch, { list }) as { readonly list: ReadonlyArray<number> }
    expect([Array.from(changed.list.slice(0, 51)).at(-1), list[0], copies]).toEqual([50, 0, 2])
  })

  it("compares a list in one pass, and copies no more than a bound", () => {
    const list = Array.from({ length: 20_000 }, (_, index) => index)
    const value = { list, other: 1 }
    const test = { op: "test", path: "/list", value: [...list.slice(1), 0] }
    expect(JsonPatch.apply({ value, bytes: 200_000 }, [test], 1_000_000)?.value).toBe(value)
    const large = { text: "x".repeat(400) }
    const copying = [
      { op: "copy", from: "/text", path: "/copy" },
      { op: "remove", path: "/copy" },
    ]
    expect(apply([...copying, ...copying], large)).toEqual(large)
    expect(apply([...copying, ...copying, ...copying], large)).toBe(undefined)
  })

  it("leaves the value before as it was where a pointer names what objects inherit", () => {
    const before = { deep: { list: [1] } }
    apply([{ op: "add", path: "/__proto__/deep/list/-", value: 2 }], before)
    expect(before).toEqual({ deep: { list: [1] } })
  })

  it("may change a value as large as the bound for ever", () => {
    const value = { text: "x".repeat(900) }
    const patch = Array.from({ length: 500 }, (_, index) => ({
      op: "replace",
      path: "/text",
      value: String(index % 10).repeat(900),
    }))
    expect(apply(patch, value)).toEqual({ text: "9".repeat(900) })
  })

  it("that is none changes nothing", () => {
    const none = [
      "x",
      { op: "add" },
      [null],
      [{ op: "jump", path: "/a" }],
      [{ op: "add", path: 1, value: 1 }],
      [{ op: "copy", path: "/a" }],
      [{ op: "add", path: "no pointer", value: 1 }],
    ]
    for (const patch of none) expect(apply(patch)).toBe(given)
    apply([{ op: "add", path: "/__proto__/polluted", value: 1 }])
    expect(({} as Record<string, unknown>)["polluted"]).toBe(undefined)
  })
})
