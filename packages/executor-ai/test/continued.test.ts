/** A run that goes on with the whole history of its client in place of what it was submitted with. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { type AgentEvent, Executor, Interrupt, RequestSnapshot, Worker } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { TestRuns } from "@runlease/testkit"
import { Effect, Ref, Stream } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const tools = [
  { name: "confirm", description: "Asks the user", parameters: { type: "object", properties: {} } },
]

const user = (id: string, content: string): AgentEvent.Message => ({ id, role: "user", content })

/** The messages that a client makes of events, as `@ag-ui/client` does: without what it cannot read. */
const clientMessages = (events: ReadonlyArray<AgentEvent.LogEvent>): ReadonlyArray<AgentEvent.Message> => {
  const text = (id: unknown) =>
    events.map((event) => (event["messageId"] === id && "delta" in event ? event["delta"] : "")).join("")
  const calls = events.filter(({ type }) => type === "TOOL_CALL_START")
  const starts = events.filter(({ type }) => type === "TEXT_MESSAGE_START")
  const toolCalls = (messageId: unknown) =>
    calls
      .filter((call) => (call["parentMessageId"] ?? call["toolCallId"]) === messageId)
      .map((call) => ({
        id: String(call["toolCallId"]),
        type: "function" as const,
        function: { name: String(call["toolCallName"]), arguments: "{}" },
      }))
  return [
    ...starts.map(({ messageId }) => ({
      id: String(messageId),
      role: "assistant" as const,
      content: text(messageId),
      toolCalls: toolCalls(messageId),
    })),
    ...calls
      .filter((call) => call["parentMessageId"] === undefined)
      .map(({ toolCallId }) => ({
        id: String(toolCallId),
        role: "assistant" as const,
        toolCalls: toolCalls(toolCallId),
      })),
  ]
}

for (const protocol of ModelRuns.protocols) {
  for (const [name, controlPlane] of Object.entries(ModelWorkers.controlPlanes)) {
    describe(`a continued run (${protocol}, ${name})`, () => {
      /** Runs until the page must answer, continues with the client's own messages, and gives the last request. */
      const continued = (
        turns: ReadonlyArray<ModelServer.Turn>,
        inputOf: (events: ReadonlyArray<AgentEvent.LogEvent>) => ReadonlyArray<AgentEvent.Message>,
      ) =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(ModelServer.inTurn(...turns))
          const { execute } = yield* ModelRuns.executor(protocol, server)
          const input = yield* Ref.make<ReadonlyArray<RequestSnapshot.SnapshotMessage>>([])
          const replacing: Executor.Execute = (run) =>
            Stream.unwrap(
              Effect.map(Ref.get(input), (messages) =>
                Executor.toStream(execute)(
                  messages.length === 0 ? run : { ...run, snapshot: { ...run.snapshot, messages } },
                ),
              ),
            )
          yield* Worker.make({ drainTimeout: 0, interruptGrace: "2 seconds", retryDelay: () => 0 }).pipe(
            Effect.provide(Executor.layerWith(replacing)),
          )
          const { runId } = yield* TestRuns.submit({
            snapshot: { ...RequestSnapshot.fromText("Do it", "u1"), tools },
          })
          const waiting = yield* ModelWorkers.untilStatus(runId, "waiting")
          const events = yield* TestRuns.eventsOf(runId)
          yield* Ref.set(input, AgUiMessages.fromAgUi([user("u1", "Do it"), ...inputOf(events)]))
          const [first, ...others] = waiting.waiting!.interrupts.map(({ id }) =>
            Interrupt.toolResult(id, "by resume"),
          )
          yield* ModelWorkers.answer(runId, [first!, ...others])
          yield* ModelWorkers.untilStatus(runId, "completed")
          const { body } = server.requests.at(-1)!
          return { request: JSON.stringify(body["input"] ?? body["messages"]), requests: server.requests }
        }).pipe(Effect.provide(controlPlane))

      const inOrder = (json: string, parts: ReadonlyArray<string>) => {
        let at = -1
        for (const part of parts) {
          const next = json.indexOf(part, at + 1)
          assertTrue(next > at, `${part} is not after what comes before it in ${json}`)
          strictEqual(json.split(part).length, 2, `${part} does not occur exactly once in ${json}`)
          at = next
        }
      }

      const turn: ModelServer.Turn = {
        reasoning: ["I should ask"],
        texts: ["First I ask."],
        calls: [{ id: "c1", name: "confirm", args: {} }],
      }
      const secret = { responses: ["secret-1"], messages: ["signature-1"], completions: [] }[protocol]
      const result: AgentEvent.Message = {
        id: "o1",
        role: "tool",
        toolCallId: "c1",
        content: "from the page",
      }

      for (const [title, inputOf] of Object.entries({
        "its turns once, from the log": clientMessages,
        "its turns from the log, where the client stores them under other ids": (
          events: ReadonlyArray<AgentEvent.LogEvent>,
        ) => clientMessages(events).map((message) => ({ ...message, id: `own-${message.id}` })),
        "its turns from the log, where the client does not store them": () => [],
      })) {
        it.scopedLive(`has ${title}, and the client's later messages behind the results`, () =>
          Effect.gen(function* () {
            const { request } = yield* continued([turn, { texts: ["Done."] }], (events) => [
              ...inputOf(events),
              result,
              user("u2", "And hurry"),
            ])
            inOrder(request, ["Do it", ...secret, "First I ask.", "from the page", "And hurry"])
            assertTrue(!request.includes("by resume"))
          }),
        )
      }

      it.scopedLive(
        "shows the model that a call has no result, and hides the calls of an attempt that died",
        () =>
          Effect.gen(function* () {
            const { request, requests } = yield* continued(
              [
                { texts: ["Void."], calls: [{ id: "void", name: "confirm", args: {} }], ending: "short" },
                { ...turn, calls: [...turn.calls!, { id: "c2", name: "confirm", args: {} }] },
                { texts: ["Done."] },
              ],
              (events) => [
                ...clientMessages(events),
                { id: "o0", role: "tool", toolCallId: "void", content: "no result", error: "no result" },
                result,
              ],
            )
            strictEqual(requests.length, 3)
            const second = secret.map((text) => text.replace("1", "2"))
            inOrder(request, ["Do it", ...second, "First I ask.", "from the page", "No result of this call"])
            deepStrictEqual(
              ["Void.", "no result", '"void"'].filter((text) => request.includes(text)),
              [],
            )
          }),
      )
    })
  }
}
