/** An agent of Runlease over the network: a durable step for each answer of its model, for what it notes and for its tool. */
import { AgentEvent, Emit, Executor, RequestSnapshot, type Run, Step, Worker } from "@runlease/core"
import { Effect, Stream } from "effect"
import * as Conversation from "../agent/Conversation.js"
import * as Model from "../agent/Model.js"
import * as Stores from "../Stores.js"
import { main } from "./Contender.js"

export interface Options {
  readonly served: Stores.Served
  /** The URL of the model. */
  readonly model: string
  readonly concurrency: number
  /** In seconds. */
  readonly lease: number
}

const messagesOf = ({ messages }: RequestSnapshot.RequestSnapshot): ReadonlyArray<Conversation.Message> =>
  messages.map((message) => ({
    role: message.role as Conversation.Message["role"],
    content: RequestSnapshot.textOf(message),
  }))

/** Streams an answer of the model to the log. */
const answer = (model: string, messages: ReadonlyArray<Conversation.Message>) =>
  Effect.suspend(() => {
    const asked = Model.ask(model, messages)
    return Stream.fromAsyncIterable(asked.deltas, (error) =>
      Executor.retryableError("model_unavailable", String(error)),
    ).pipe(Stream.runForEach(Emit.text), Effect.map(asked.answer))
  })

/** Calls the tool, and shows the call. */
const weather = (run: Run.ClaimedRun, call: Conversation.ToolCall, note: Conversation.Note) =>
  Effect.gen(function* () {
    yield* Emit.event(AgentEvent.toolCallStart(call.id, call.name))
    yield* Emit.event(AgentEvent.toolCallArgs(call.id, call.arguments))
    yield* Emit.event(AgentEvent.toolCallEnd(call.id))
    const result = Conversation.weather(call, note)
    yield* Emit.event(AgentEvent.toolCallResult(`${run.messageId}-${call.id}`, call.id, result))
    return result
  })

const agent = (model: string) => (run: Run.ClaimedRun) =>
  Effect.gen(function* () {
    let messages = messagesOf(run.snapshot)
    for (let key = 0; ; key += 1) {
      const said = yield* Step.run("answer", answer(model, messages), { key })
      const { call } = said
      if (call === null) return
      const note = yield* Step.run(
        "note",
        Effect.sync(() => Conversation.noteOf(said)),
        { key },
      )
      const result = yield* Step.run("weather", weather(run, call, note), { key })
      messages = Conversation.continued(messages, said, result)
    }
  })

main<Options>(({ concurrency, lease, model, served }) =>
  Effect.gen(function* () {
    const ports = yield* Stores.client(served)
    yield* Worker.make({ concurrency, leaseDuration: `${lease} seconds` }).pipe(
      Effect.provide(ports),
      Effect.provide(Executor.layerFrom(agent(model))),
    )
    return {}
  }),
)
