import { describe, expect, it } from "@effect/vitest"
import { AgentEvent, ControlEvents, type Interrupt, StepRecord } from "@runlease/core"
import { type UIMessage, isToolUIPart } from "ai"
import { FastCheck } from "effect"
import { isDeepStrictEqual } from "node:util"
import type { Chunk } from "../src/internal/Chunk.js"
import * as ChatView from "../src/internal/ChatView.js"
import type { Answered } from "../src/internal/Questions.js"
import { anyEvent, ended } from "../../http/test/agui/AnyEvent.js"
import * as Sdk from "./Sdk.js"

type Event = AgentEvent.LogEvent

const subject: ChatView.Subject = { runId: "run", messageId: "answer-run", goesOn: false, answered: [] }

/** The chunks of a log that ends with its last event. */
const chunksOf = (log: ReadonlyArray<Event>, more: Partial<ChatView.Subject> = {}): ReadonlyArray<Chunk> => {
  const view = ChatView.fold({ ...subject, ...more })
  return log.flatMap((event, index) => view.next(event, index === log.length - 1))
}

const typesOf = (chunks: ReadonlyArray<Chunk>) => chunks.map(({ type }) => type)

const started: Event = { type: "RUN_STARTED", threadId: "thread", runId: "run" }

const say = (id: string, ...deltas: ReadonlyArray<string>): ReadonlyArray<Event> => [
  AgentEvent.textStart(id),
  ...deltas.map((delta) => AgentEvent.textContent(id, delta)),
  AgentEvent.textEnd(id),
]

const callTool = (id: string, name = "weather", args = '{"city":"Oslo"}'): ReadonlyArray<Event> => [
  AgentEvent.toolCallStart(id, name),
  AgentEvent.toolCallArgs(id, args),
  AgentEvent.toolCallEnd(id),
]

const result = (id: string, content: string): Event => ({
  type: "TOOL_CALL_RESULT",
  messageId: `result-${id}`,
  toolCallId: id,
  content,
})

const failure = (id: string, content: string): Event => ({ ...result(id, content), isError: true })

const waits = (...interrupts: ReadonlyArray<Interrupt.Interrupt>): Event => ({
  type: "RUN_FINISHED",
  threadId: "thread",
  runId: "run",
  outcome: { type: "interrupt", interrupts },
})

const diedWith = { type: "CUSTOM", name: ControlEvents.attemptEventName, value: { attempt: 2 } }

const record = (named: object): Event => ({
  type: "CUSTOM",
  name: StepRecord.stepEventName,
  value: { step_id: "0", record_id: "r", name: "answer", ...named },
})

const partsOf = async (chunks: ReadonlyArray<Chunk>, before?: UIMessage) => {
  const { errors, message } = await Sdk.read(chunks, before)
  expect(errors).toEqual([])
  return (message?.parts ?? []).map((part) =>
    part.type === "text" || part.type === "reasoning"
      ? part.text
      : isToolUIPart(part)
        ? [part.type, part.state, part.output ?? part.errorText]
        : part.type,
  )
}

describe("ChatView", () => {
  it("gives text, reasoning and tools as the SDK streams them", async () => {
    const log = ended([
      started,
      AgentEvent.toolCallStart("c", "weather"),
      AgentEvent.toolCallArgs("c", '{"city":'),
      AgentEvent.toolCallArgs("c", '"Oslo"}'),
      AgentEvent.toolCallEnd("c"),
      result("c", '{"degrees":3}'),
      { type: "REASONING_MESSAGE_START", messageId: "r", role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "r", delta: "cold" },
      { type: "REASONING_MESSAGE_END", messageId: "r" },
      ...say("m", "It is ", "cold"),
    ])
    const chunks = chunksOf(log)
    expect(chunks).toEqual([
      { type: "start", messageId: "answer-run", messageMetadata: { runId: "run" } },
      { type: "start-step" },
      { type: "tool-input-start", toolCallId: "c", toolName: "weather" },
      { type: "tool-input-delta", toolCallId: "c", inputTextDelta: '{"city":' },
      { type: "tool-input-delta", toolCallId: "c", inputTextDelta: '"Oslo"}' },
      { type: "tool-input-available", toolCallId: "c", toolName: "weather", input: { city: "Oslo" } },
      { type: "tool-output-available", toolCallId: "c", output: { degrees: 3 } },
      { type: "finish-step" },
      { type: "start-step" },
      { type: "reasoning-start", id: "r" },
      { type: "reasoning-delta", id: "r", delta: "cold" },
      { type: "reasoning-end", id: "r" },
      { type: "text-start", id: "m" },
      { type: "text-delta", id: "m", delta: "It is " },
      { type: "text-delta", id: "m", delta: "cold" },
      { type: "text-end", id: "m" },
      { type: "finish-step" },
      { type: "message-metadata", messageMetadata: { runId: "run" } },
      { type: "finish", finishReason: "stop" },
      { type: "[DONE]" },
    ])
    expect(await partsOf(chunks)).toEqual([
      "step-start",
      ["tool-weather", "output-available", { degrees: 3 }],
      "step-start",
      "cold",
      "It is cold",
    ])
  })

  it("tells how a step of the program ended", () => {
    const chunks = chunksOf(
      ended([
        started,
        AgentEvent.stepStarted("pay"),
        AgentEvent.stepFailed("pay", { message: "secret" }),
        AgentEvent.stepStarted("tell"),
        AgentEvent.stepFinished("tell"),
      ]),
    )
    expect(chunks.flatMap(({ data, type }) => (type === "data-step" ? [data] : []))).toMatchObject([
      { stepName: "pay", status: "started" },
      { stepName: "pay", status: "failed" },
      { stepName: "tell", status: "started" },
      { stepName: "tell", status: "finished" },
    ])
    expect(JSON.stringify(chunks)).not.toContain("secret")
  })

  it("ends a message whose last step has outputs with a step without calls, so that no page sends it again", async () => {
    const chunks = chunksOf(ended([started, ...callTool("c"), result("c", "3")]))
    expect(await partsOf(chunks)).toEqual([
      "step-start",
      ["tool-weather", "output-available", "3"],
      "step-start",
    ])
  })

  it("takes back what an attempt leaves behind that nothing recorded, and no more", async () => {
    const chunks = chunksOf(
      ended([
        started,
        ...callTool("c"),
        record({ tool_calls: ["c"] }),
        result("c", "3"),
        ...say("half", "It i"),
        ...callTool("d"),
        diedWith,
        ...say("m", "It is cold"),
      ]),
    )
    expect(typesOf(chunks).filter((type) => type === "reset-step")).toHaveLength(1)
    expect(await partsOf(chunks)).toEqual([
      "step-start",
      ["tool-weather", "output-available", "3"],
      "step-start",
      "It is cold",
    ])
  })

  it("leaves a step that has what was recorded", async () => {
    const chunks = chunksOf(
      ended([started, ...say("m", "recorded"), record({ messages: ["m"] }), diedWith, ...say("n", "next")]),
    )
    expect(await partsOf(chunks)).toEqual(["step-start", "recorded", "step-start", "next"])
  })

  it("does not offer a call to the page whose input broke off", async () => {
    const chunks = chunksOf(ended([started, ...callTool("c", "weather", '{"ci'), ...say("m", "x")]))
    expect(typesOf(chunks)).not.toContain("tool-input-available")
    expect(await partsOf(chunks)).toContainEqual([
      "tool-weather",
      "output-error",
      "The input of this tool call broke off",
    ])
  })

  const approval: Interrupt.Interrupt = {
    id: "c",
    reason: "tool_call",
    toolCallId: "c",
    toolName: "weather",
    message: "May weather be called?",
  }

  it("gives the tokens of a run that has ended beside its id", () => {
    const usage = [{ model: "m", inputTokens: 3, outputTokens: 5 }]
    const chunks = chunksOf([started, { type: "RUN_FINISHED", threadId: "thread", runId: "run", usage }])
    expect(chunks.find(({ type }) => type === "message-metadata")).toEqual({
      type: "message-metadata",
      messageMetadata: { runId: "run", usage },
    })
  })

  it("asks for an approval, and shows the answer to a page that comes later", async () => {
    const asking = [started, ...callTool("c"), waits(approval)]
    const requests = chunksOf(asking)
    expect(requests.slice(-5)).toEqual([
      {
        type: "tool-approval-request",
        approvalId: "c",
        toolCallId: "c",
        reason: "May weather be called?",
      },
      { type: "finish-step" },
      { type: "message-metadata", messageMetadata: { runId: "run" } },
      { type: "finish", finishReason: "tool-calls" },
      { type: "[DONE]" },
    ])
    const denied: Answered = {
      interrupt: approval,
      answer: { interruptId: "c", status: "resolved", payload: { approved: false, reason: "No" } },
    }
    const rest = ended([started, failure("c", "This call was not approved"), ...say("m", "Well then")])
    const later = await Sdk.read(chunksOf([...asking, ...rest], { answered: [denied] }))
    expect(later.errors).toEqual([])
    const [, call, ...others] = later.message!.parts
    expect(call).toMatchObject({
      state: "output-denied",
      approval: { id: "c", approved: false, reason: "No", requestReason: "May weather be called?" },
    })
    expect(others).toMatchObject([{ type: "step-start" }, { text: "Well then" }])

    // The page that answered goes on with what it has.
    const before = (await Sdk.read(requests)).message!
    const chunks = chunksOf(rest, { goesOn: true, answered: [denied] })
    expect(await partsOf(chunks, before)).toEqual([
      "step-start",
      ["tool-weather", "output-denied", undefined],
      "step-start",
      "Well then",
    ])
  })

  it("asks what is about no call by a call that stands for it", async () => {
    const confirmation: Interrupt.Interrupt = { id: "deploy", reason: "confirmation", message: "Deploy?" }
    const where: Interrupt.Interrupt = { id: "where", reason: "input_required", message: "Where to?" }
    const log = [started, waits(confirmation, where)]
    expect(await partsOf(chunksOf(log))).toEqual([
      "step-start",
      ["tool-confirmation", "approval-requested", undefined],
      ["tool-input_required", "input-available", undefined],
    ])
    const answered: ReadonlyArray<Answered> = [
      { interrupt: confirmation, answer: { interruptId: "deploy", status: "resolved", payload: true } },
      { interrupt: where, answer: { interruptId: "where", status: "resolved", payload: "Mars" } },
    ]
    const chunks = chunksOf([...log, ...ended([started, ...say("m", "Done")])], { answered })
    expect(await partsOf(chunks)).toEqual([
      "step-start",
      ["tool-confirmation", "output-available", true],
      ["tool-input_required", "output-available", "Mars"],
      "step-start",
      "Done",
    ])
  })

  it("leaves a call of a tool of the page open, and shows its output later", async () => {
    const ofPage: Interrupt.Interrupt = { id: "c", reason: "tool_call", toolCallId: "c", clientTool: true }
    const log = [started, ...callTool("c", "colour", "{}"), waits(ofPage)]
    expect(await partsOf(chunksOf(log))).toEqual([
      "step-start",
      ["tool-colour", "input-available", undefined],
    ])
    const answer = { interruptId: "c", status: "resolved" as const, payload: { name: "blue" } }
    const chunks = chunksOf([...log, ...ended([started, ...say("m", "Blue")])], {
      answered: [{ interrupt: ofPage, answer }],
    })
    expect(await partsOf(chunks)).toEqual([
      "step-start",
      ["tool-colour", "output-available", { name: "blue" }],
      "step-start",
      "Blue",
    ])
  })

  it("ends as the run does", async () => {
    expect(typesOf(chunksOf(ended([started, ...say("m", "x")], "cancelled"))).slice(-2)).toEqual([
      "abort",
      "[DONE]",
    ])
    const failed = await Sdk.read(
      chunksOf([started, ...say("m", "x"), { type: "RUN_ERROR", message: "Too much at once" }]),
    )
    expect(failed.errors).toEqual(["Too much at once"])
  })

  it("gives state, sources, files, messages to the run and what else there is", async () => {
    const source = { sourceId: "s", url: "https://tides.example", title: "Tides" }
    const file = { url: "https://tides.example/t.png", mediaType: "image/png" }
    const chunks = chunksOf(
      ended([
        started,
        { type: "STATE_SNAPSHOT", snapshot: { count: 1 } },
        { type: "STATE_DELTA", delta: [{ op: "replace", path: "/count", value: 2 }] },
        AgentEvent.custom("source-url", source),
        AgentEvent.custom("file", file),
        AgentEvent.custom("progress", { id: "p", done: 1 }),
        AgentEvent.custom("progress", { id: "p", done: 2 }),
        {
          type: "CUSTOM",
          name: "runlease.message",
          value: { number: 1, message_id: "u", parts: [{ type: "text", text: "Look at page two" }] },
        },
        ...say("m", "x"),
      ]),
    )
    const { errors, message } = await Sdk.read(chunks)
    expect(errors).toEqual([])
    expect(message!.parts).toMatchObject([
      { type: "data-state", data: { count: 2 } },
      { type: "source-url", ...source },
      { type: "file", ...file },
      { type: "data-progress", id: "p", data: { done: 2 } },
      { type: "steering-message", id: "u", parts: [{ type: "text", text: "Look at page two" }] },
      { type: "step-start" },
      { type: "text", text: "x" },
    ])
    expect(chunks).toContainEqual({
      type: "data-state-delta",
      data: [{ op: "replace", path: "/count", value: 2 }],
      transient: true,
    })
  })

  const anyLog = FastCheck.tuple(
    FastCheck.array(anyEvent, { maxLength: 40 }),
    FastCheck.constantFrom("completed" as const, "failed" as const, "cancelled" as const),
  ).map(([events, status]) => ended([started, ...events], status))

  it("makes of any log what the SDK takes", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(anyLog, async (log) => {
        const { errors } = await Sdk.read(chunksOf(log))
        // The error of the run is the page's to show; any other is ours.
        expect(errors.filter((error) => error !== "The run failed")).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it("goes on from a copy at any place as without it", () => {
    FastCheck.assert(
      FastCheck.property(anyLog, FastCheck.nat(40), (log, place) => {
        const view = ChatView.fold(subject)
        const before = log.slice(0, place).flatMap((event) => view.next(event, false))
        const copy = view.copy()
        const rest = log.slice(place)
        const last = (index: number) => index === rest.length - 1
        const after = rest.flatMap((event, index) => view.next(event, last(index)))
        expect(rest.flatMap((event, index) => copy.next(event, last(index)))).toEqual(after)
        const isWhole = rest.length === 0 || isDeepStrictEqual([...before, ...after], chunksOf(log))
        expect(isWhole).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it("makes the same message of a replay, wherever the stream before it was cut", async () => {
    await FastCheck.assert(
      FastCheck.asyncProperty(anyLog, FastCheck.nat(60), async (log, cut) => {
        const chunks = chunksOf(log).filter(({ type }) => type !== "error")
        expect(await Sdk.resumed(chunks, cut)).toEqual(await Sdk.whole(chunks))
      }),
      { numRuns: 100 },
    )
  })

  it("has the text and the tools of the log", async () => {
    const word = FastCheck.string({ minLength: 1, maxLength: 8 })
    const item = FastCheck.oneof(
      FastCheck.record({
        kind: FastCheck.constant("text" as const),
        deltas: FastCheck.array(word, { minLength: 1 }),
      }),
      FastCheck.record({
        kind: FastCheck.constant("tool" as const),
        input: FastCheck.dictionary(FastCheck.constantFrom("a", "b"), word),
        output: FastCheck.dictionary(FastCheck.constantFrom("a", "b"), word),
      }),
    )
    await FastCheck.assert(
      FastCheck.asyncProperty(FastCheck.array(item, { maxLength: 8 }), async (items) => {
        const log = ended([
          started,
          ...items.flatMap((one, index) =>
            one.kind === "text"
              ? say(`m${index}`, ...one.deltas)
              : [
                  ...callTool(`c${index}`, "tool", JSON.stringify(one.input)),
                  result(`c${index}`, JSON.stringify(one.output)),
                ],
          ),
        ])
        const { errors, message } = await Sdk.read(chunksOf(log))
        expect(errors).toEqual([])
        expect(
          message!.parts.flatMap((part): ReadonlyArray<unknown> => {
            if (part.type === "text") return [part.text]
            return isToolUIPart(part) ? [[part.input, part.output]] : []
          }),
        ).toEqual(items.map((one) => (one.kind === "text" ? one.deltas.join("") : [one.input, one.output])))
      }),
      { numRuns: 100 },
    )
  })
})
