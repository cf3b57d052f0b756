import { describe, expect, it } from "@effect/vitest"
import { AgentEvent, ControlEvents, Interrupt, LogState, type Run, TokenUsage } from "@runlease/core"
import { shown, subject } from "./Clients.js"

type Event = AgentEvent.LogEvent

const run = { runId: subject.runId, conversationId: subject.threadId }

const stateOf = (events: ReadonlyArray<Event>) => LogState.afterAll(LogState.initial, events)

/** The log of a run that waits for these. */
const waiting = (
  events: ReadonlyArray<Event>,
  interrupts: readonly [Interrupt.Interrupt, ...ReadonlyArray<Interrupt.Interrupt>],
): ReadonlyArray<Event> => [
  ...events,
  ...ControlEvents.suspended(run, stateOf(events), { interrupts, answers: [], expiresAt: null }),
]

const ended = (events: ReadonlyArray<Event>, status: Run.TerminalStatus): ReadonlyArray<Event> => [
  ...events,
  ...ControlEvents.ended(run, stateOf(events), { status }),
]

/** What the control plane writes when another worker takes the run over. */
const takenOver = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => [
  ...events,
  ...ControlEvents.claimed(
    run,
    stateOf(events),
    { attempt: 1, workerId: "w1", ended: "lease_expired", reason: null },
    { attempt: 2, workerId: "w2" },
  ),
]

const call = (id: string): ReadonlyArray<Event> => [
  { type: "TOOL_CALL_START", toolCallId: id, toolCallName: `tool of ${id}` },
  { type: "TOOL_CALL_ARGS", toolCallId: id, delta: "{}" },
  { type: "TOOL_CALL_END", toolCallId: id },
]

const result = (id: string): Event => ({
  type: "TOOL_CALL_RESULT",
  messageId: `r-${id}`,
  toolCallId: id,
  content: "done",
})

const clientTool = (id: string): Interrupt.Interrupt => ({
  ...Interrupt.ofToolCall(id, `tool of ${id}`),
  clientTool: true,
})

const approval: Interrupt.Interrupt = { id: "sure", reason: "tool_call", toolCallId: "own" }

const outcomeOf = (events: ReadonlyArray<Event>) => events.at(-1)?.["outcome"]

/** The calls that a stream leaves without a result. */
const unanswered = (events: ReadonlyArray<Event>): ReadonlyArray<unknown> => {
  const results = new Set(
    events.flatMap((event) => (event.type === "TOOL_CALL_RESULT" ? [event["toolCallId"]] : [])),
  )
  return events.flatMap((event) =>
    event.type === "TOOL_CALL_START" && !results.has(event["toolCallId"]) ? [event["toolCallId"]] : [],
  )
}

describe("the end of a part", () => {
  it("is a success that lists the calls of its client, in their order, and no outcome before 1.0", async () => {
    const { current, older } = await shown(
      waiting(
        [...call("b"), ...call("own"), result("own"), ...call("a")],
        [clientTool("a"), clientTool("b")],
      ),
    )
    expect(outcomeOf(current)).toEqual({ type: "success", pendingToolCallIds: ["b", "a"] })
    expect(unanswered(current)).toEqual(["b", "a"])
    expect(older.at(-1)).toEqual({ type: "RUN_FINISHED", ...subject })
    expect(unanswered(older)).toEqual(["b", "a"])
  })

  it("is an interrupt that lists only the questions, where tools of the client are open too", async () => {
    const { current, older } = await shown(
      waiting([...call("own"), ...call("a")], [clientTool("a"), approval]),
    )
    for (const view of [current, older]) {
      expect(outcomeOf(view)).toEqual({ type: "interrupt", interrupts: [approval] })
      expect(unanswered(view)).toEqual(["own", "a"])
    }
  })

  it("lists none of the parts before", async () => {
    const first = waiting(call("a"), [clientTool("a")])
    const started: Event = { type: "RUN_STARTED", ...subject }
    const { current } = await shown([...first, ...waiting([started, ...call("b")], [clientTool("b")])])
    expect(outcomeOf(current)).toEqual({ type: "success", pendingToolCallIds: ["b"] })
  })

  it("begins a call of the client that no event began", async () => {
    const { current } = await shown(waiting([], [clientTool("a")]))
    expect(current.slice(1)).toEqual([
      { type: "TOOL_CALL_START", toolCallId: "a", toolCallName: "tool of a" },
      { type: "TOOL_CALL_END", toolCallId: "a" },
      { type: "RUN_FINISHED", ...subject, outcome: { type: "success", pendingToolCallIds: ["a"] } },
    ])
  })

  it("gives a result to calls of an attempt that died, which look like the client's", async () => {
    const log = takenOver(call("lost").slice(0, 2))
    for (const [events, open] of [
      [ended([...log, ...call("left")], "completed"), ["left"]],
      [waiting([...log, ...call("a")], [clientTool("a")]), ["a"]],
      [waiting(log, [approval]), []],
      [ended([...log, ...call("left")], "failed"), ["left"]],
    ] as const) {
      const { current, older } = await shown(events)
      for (const view of [current, older]) {
        expect(unanswered(view)).toEqual(open)
        expect(AgentEvent.endsRun(view.at(-1)!)).toBe(true)
        const { metadata } = view.find(({ type }) => type === "TOOL_CALL_RESULT")!
        expect(metadata).toEqual({ "runlease.isError": true })
      }
    }
  })

  it("gives no second result to a call that a later attempt answers, nor one to a call that is asked about", async () => {
    const answered = await shown(ended([...takenOver(call("own")), result("own")], "completed"))
    expect(answered.current.filter(({ type }) => type === "TOOL_CALL_RESULT")).toHaveLength(1)
    const asked = await shown(waiting(takenOver(call("own")), [approval]))
    expect(unanswered(asked.current)).toEqual(["own"])
  })

  it("gives a result to calls that are not the client's, where the run waits for its tools alone", async () => {
    const { current } = await shown(waiting([...call("own"), ...call("a")], [clientTool("a")]))
    expect(unanswered(current)).toEqual(["a"])
  })

  it("of a run that has ended lists its calls without a result, and is without an outcome before 1.0", async () => {
    const { current, older } = await shown(ended([...call("b"), result("b"), ...call("a")], "completed"))
    expect(outcomeOf(current)).toEqual({ type: "success", pendingToolCallIds: ["a"] })
    expect(outcomeOf(older)).toBe(undefined)
    const told = await shown(ended([...call("a"), result("a")], "completed"))
    expect(outcomeOf(told.current)).toEqual({ type: "success" })
    expect(outcomeOf(told.older)).toEqual({ type: "success" })
  })

  it("says what this part used, by provider and model, however it ends", async () => {
    const reports = (inputTokens: number): ReadonlyArray<Event> => [
      TokenUsage.toEvent({ provider: "p", model: "a", inputTokens, outputTokens: 1 }),
      { ...TokenUsage.toEvent({ provider: "p", model: "a", inputTokens }), subagentRunId: "s" },
      TokenUsage.toEvent({ provider: "p", model: "b", inputTokens, cachedInputTokens: 1 }),
    ]
    const used = (inputTokens: number) => [
      {
        provider: "p",
        model: "a",
        inputTokens: 2 * inputTokens,
        outputTokens: 1,
        totalTokens: 2 * inputTokens + 1,
      },
      { provider: "p", model: "b", inputTokens, cachedInputTokens: 1 },
    ]
    const first = waiting([...reports(5), ...call("a")], [clientTool("a")])
    const second: ReadonlyArray<Event> = [{ type: "RUN_STARTED", ...subject }, ...reports(7)]
    for (const status of ["completed", "failed", "cancelled"] as const) {
      const views = await shown([...first, ...ended(second, status)])
      for (const view of [views.current, views.older]) {
        expect(view.filter(AgentEvent.endsRun).map(({ usage }) => usage)).toEqual([used(5), used(7)])
      }
    }
    expect((await shown(ended([], "completed"))).current.at(-1)).not.toHaveProperty("usage")
  })

  it("of a run that was stopped is an error before 1.0", async () => {
    const { current, older } = await shown(ended(call("a"), "cancelled"))
    expect(outcomeOf(current)).toEqual({ type: "cancelled" })
    expect(older.at(-1)).toEqual({
      type: "RUN_ERROR",
      code: "cancelled",
      message: "The run was cancelled",
    })
  })
})

describe("a client older than 1.0", () => {
  it("is shown the text of results that are in parts", async () => {
    const content = [
      { type: "text", text: "a " },
      { type: "image", source: { type: "url", value: "https://example.org/a.png" } },
      { type: "text", text: "picture" },
    ]
    const { current, older } = await shown(
      ended(
        [
          ...call("a"),
          { ...result("a"), content },
          {
            type: "MESSAGES_SNAPSHOT",
            messages: [
              { id: "u", role: "user", content: "hello" },
              { id: "t", role: "tool", toolCallId: "a", content },
            ],
          },
        ],
        "completed",
      ),
    )
    expect(current.find(({ type }) => type === "TOOL_CALL_RESULT")?.["content"]).toEqual(content)
    expect(older.find(({ type }) => type === "TOOL_CALL_RESULT")?.["content"]).toBe("a picture")
    expect(older.find(({ type }) => type === "MESSAGES_SNAPSHOT")?.["messages"]).toEqual([
      { id: "u", role: "user", content: "hello" },
      { id: "t", role: "tool", toolCallId: "a", content: "a picture" },
    ])
  })
})

describe("the start of a part", () => {
  it("declares the version of the server, whatever the log says", async () => {
    const log: ReadonlyArray<Event> = ended(
      [{ type: "RUN_STARTED", ...subject, protocolVersion: "0.9" }],
      "completed",
    )
    const { current, older } = await shown(log)
    expect(current[0]).toEqual({ type: "RUN_STARTED", ...subject, protocolVersion: "1.0" })
    expect(older[0]).toEqual(current[0])
  })
})
