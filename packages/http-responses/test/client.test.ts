/**
 * The client of OpenAI as on npm, against a server of the contract with a real worker.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  type AgentEvent,
  Emit,
  Executor,
  Ids,
  Interrupt,
  Interrupts,
  RequestSnapshot,
  Runs,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Deferred, Effect, Queue, Stream } from "effect"
import OpenAI, { APIError } from "openai"
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses"
import { testerWith } from "../../http/test/agui/HttpAgents.js"
import { Served } from "../../http/test/serving.js"
import { sqlite } from "../../http/test/sqlite.js"
import * as ResponsesFace from "../src/ResponsesFace.js"

const tester = testerWith({ faces: [ResponsesFace.face] })

const stores = [
  ["memory", MemoryControlPlane.layer],
  ["SQLite", sqlite],
] as const

const model = "agent"

const echo = Executor.from((run) => Emit.text(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`))

const tools: Array<OpenAI.Responses.FunctionTool> = [
  {
    type: "function",
    name: "weather",
    description: "The weather of a place",
    parameters: { type: "object", properties: { place: { type: "string" } } },
    strict: false,
  },
]

const connect = Effect.map(
  Served,
  ({ key, url }) => new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: key, maxRetries: 0 }),
)

/** Sends by the client; what it throws is the failure. */
const send = <A>(make: (client: OpenAI) => PromiseLike<A>) =>
  Effect.flatMap(connect, (client) =>
    Effect.tryPromise({ try: async () => make(client), catch: (error) => error }),
  )

const refused = <A>(make: (client: OpenAI) => PromiseLike<A>) =>
  Effect.map(Effect.flip(send(make)), (error) => {
    assertTrue(error instanceof APIError)
    return { status: error.status, code: error.code, param: error.param, message: error.message }
  })

type Events = AsyncIterable<ResponseStreamEvent>

const collected = async (stream: Events): Promise<ReadonlyArray<ResponseStreamEvent>> => {
  const events: Array<ResponseStreamEvent> = []
  for await (const event of stream) events.push(event)
  return events
}

const untilType = async (stream: Events, type: string): Promise<ReadonlyArray<ResponseStreamEvent>> => {
  const events: Array<ResponseStreamEvent> = []
  for await (const event of stream) {
    events.push(event)
    if (event.type === type) break
  }
  return events
}

const typesOf = (events: ReadonlyArray<ResponseStreamEvent>) => events.map(({ type }) => type)

const responseOf = (events: ReadonlyArray<ResponseStreamEvent>): Response => {
  const last = events.at(-1)
  assertTrue(last !== undefined && "response" in last)
  return last.response as Response
}

const inOrder = (events: ReadonlyArray<ResponseStreamEvent>) =>
  deepStrictEqual(
    events.map(({ sequence_number }) => sequence_number),
    events.map((_, index) => index),
  )

/** The text that a client makes of the output. */
const textOf = ({ output }: Response): string =>
  output
    .flatMap((item) => (item.type === "message" ? item.content : []))
    .flatMap((part) => (part.type === "output_text" ? [part.text] : []))
    .join("")

/** Calls the client's tool, or says what came of it. */
const weatherman = Executor.from(({ snapshot }) =>
  Effect.gen(function* () {
    const result = snapshot.messages.flatMap(({ parts }) => parts).find(({ type }) => type === "tool_result")
    if (result !== undefined) return yield* Emit.text(`It is ${String(result["result"])}`)
    yield* Emit.events([
      { type: "TOOL_CALL_START", toolCallId: "call_1", toolCallName: "weather" },
      { type: "TOOL_CALL_ARGS", toolCallId: "call_1", delta: '{"place":' },
      { type: "TOOL_CALL_ARGS", toolCallId: "call_1", delta: '"Rome"}' },
      { type: "TOOL_CALL_END", toolCallId: "call_1" },
    ])
  }),
)

for (const [store, layer] of stores) {
  describe(`openai (${store})`, () => {
    const test = tester(layer)

    test(
      "gets the text of a response, reads it again, and lists its input",
      Effect.gen(function* () {
        yield* TestWorker.start(echo)
        const response = yield* send(({ responses }) =>
          responses.create({
            model,
            input: "hello",
            instructions: "Be short",
            metadata: { a: "1" },
            temperature: 0.5,
          }),
        )
        strictEqual(response.status, "completed")
        strictEqual(response.output_text, "You said: hello")
        deepStrictEqual(
          [response.instructions, response.metadata, response.temperature, response.error],
          ["Be short", { a: "1" }, 0.5, null],
        )
        const read = yield* send(({ responses }) => responses.retrieve(response.id))
        deepStrictEqual({ ...read, _request_id: null }, { ...response, _request_id: null })
        const items = yield* send(({ responses }) => responses.inputItems.list(response.id))
        deepStrictEqual(
          items.data.map((item) => item.type === "message" && [item.role, item.content]),
          [["user", [{ type: "input_text", text: "hello" }]]],
        )
      }),
    )

    test(
      "streams a response, each event once and in order",
      Effect.gen(function* () {
        yield* TestWorker.start(Executor.from(() => Effect.zipRight(Emit.text("one "), Emit.text("two"))))
        const events = yield* send(async ({ responses }) =>
          collected(await responses.create({ model, input: "hello", stream: true })),
        )
        inOrder(events)
        deepStrictEqual(
          typesOf(events).filter((type, index, all) => type !== all[index - 1]),
          [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
          ],
        )
        strictEqual(textOf(responseOf(events)), "one two")
        const final = yield* send(({ responses }) =>
          responses.stream({ model, input: "hello" }).finalResponse(),
        )
        strictEqual(final.output_text, "one two")
        // The object is of the same fold as the stream.
        const streamed = responseOf(events)
        const read = yield* send(({ responses }) => responses.retrieve(streamed.id))
        deepStrictEqual([read.output, read.usage], [streamed.output, streamed.usage])
      }),
    )

    test(
      "works in the background, is left, and goes on after an event",
      Effect.gen(function* () {
        const go = yield* Deferred.make<void>()
        yield* TestWorker.start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Emit.text("one ")
              yield* Deferred.await(go)
              yield* Emit.text("two")
            }),
          ),
        )
        const before = yield* send(async ({ responses }) =>
          untilType(
            await responses.create({ model, input: "hello", background: true, stream: true }),
            "response.output_text.delta",
          ),
        )
        const [created] = before
        assertTrue(created?.type === "response.created")
        const { id } = created.response
        assertTrue(typesOf(before).includes("response.queued"))
        const working = yield* send(({ responses }) => responses.retrieve(id))
        deepStrictEqual([working.status, working.background], ["in_progress", true])
        const early = yield* refused(({ responses }) =>
          responses.create({ model, input: "and?", previous_response_id: id }),
        )
        deepStrictEqual([early.status, early.param], [400, "previous_response_id"])
        yield* Deferred.succeed(go, undefined)
        const after = yield* send(async ({ responses }) =>
          collected(
            await responses.retrieve(id, { stream: true, starting_after: before.at(-1)!.sequence_number }),
          ),
        )
        const all = [...before, ...after]
        inOrder(all)
        strictEqual(textOf(responseOf(all)), "one two")
        const again = yield* send(async ({ responses }) =>
          collected(await responses.retrieve(id, { stream: true })),
        )
        deepStrictEqual(again, all)
        const done = yield* send(({ responses }) => responses.retrieve(id))
        strictEqual(done.status, "completed")
        const byId = yield* send(({ responses }) =>
          responses.stream({ response_id: id, starting_after: 3 }).finalResponse(),
        )
        strictEqual(byId.output_text, "one two")
      }),
    )

    test(
      "cancels a response in the background, and its stream ends",
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        yield* TestWorker.start(
          Executor.from((run) =>
            Effect.gen(function* () {
              if (RequestSnapshot.lastUserText(run.snapshot) === "short") return yield* Emit.text("done")
              yield* Emit.text("one")
              yield* Deferred.succeed(begun, undefined)
              return yield* Effect.never
            }),
          ),
        )
        const { id, status } = yield* send(({ responses }) =>
          responses.create({ model, input: "hello", background: true }),
        )
        assertTrue(status === "queued" || status === "in_progress")
        yield* Deferred.await(begun)
        const following = yield* Effect.fork(
          send(async ({ responses }) => collected(await responses.retrieve(id, { stream: true }))),
        )
        const cancelled = yield* send(({ responses }) => responses.cancel(id))
        strictEqual(cancelled.status, "cancelled")
        const events = yield* following
        strictEqual(responseOf(events).status, "cancelled")
        const again = yield* send(({ responses }) => responses.cancel(id))
        strictEqual(again.status, "cancelled")
        const foreground = yield* send(({ responses }) => responses.create({ model, input: "short" }))
        const refusal = yield* refused(({ responses }) => responses.cancel(foreground.id))
        deepStrictEqual([refusal.status, refusal.param], [400, "response_id"])
      }),
    )

    test(
      "continues a response, whose conversation the next one is in",
      Effect.gen(function* () {
        const histories = yield* Queue.unbounded<ReadonlyArray<string>>()
        yield* TestWorker.start(
          Executor.from(({ snapshot }) =>
            Effect.zipRight(
              Queue.offer(histories, snapshot.messages.map(RequestSnapshot.textOf)),
              Emit.text("Hello."),
            ),
          ),
        )
        const first = yield* send(({ responses }) =>
          responses.create({ model, input: "I am Ada", instructions: "Be kind" }),
        )
        const second = yield* send(({ responses }) =>
          responses.create({
            model,
            input: "Who am I?",
            previous_response_id: first.id,
            instructions: "Be short",
          }),
        )
        strictEqual(second.previous_response_id, first.id)
        deepStrictEqual(Array.from(yield* Queue.takeN(histories, 2)), [
          ["Be kind", "I am Ada"],
          ["Be short", "I am Ada", "Hello.", "Who am I?"],
        ])
        const [one, two] = yield* Effect.forEach([first, second], ({ id }) =>
          TestRuns.getRun(Ids.RunId.make(id)),
        )
        strictEqual(one!.conversationId, two!.conversationId)
        const items = yield* send(async ({ responses }) => {
          const all: Array<unknown> = []
          for await (const item of responses.inputItems.list(second.id, { order: "asc", limit: 2 })) {
            all.push("role" in item ? item.role : item.type)
          }
          return all
        })
        deepStrictEqual(items, ["user", "assistant", "user"])
      }),
    )

    test(
      "is given a call of its function, and sends the result",
      Effect.gen(function* () {
        yield* TestWorker.start(weatherman)
        const called = yield* send(({ responses }) => responses.create({ model, input: "Weather?", tools }))
        strictEqual(called.status, "completed")
        const [call] = called.output
        assertTrue(call?.type === "function_call")
        deepStrictEqual([call.name, call.call_id, call.arguments], ["weather", "call_1", '{"place":"Rome"}'])
        const unanswered = yield* refused(({ responses }) =>
          responses.create({ model, input: "Well?", previous_response_id: called.id }),
        )
        deepStrictEqual([unanswered.status, unanswered.param], [400, "input"])
        const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" } as const
        const answered = yield* send(({ responses }) =>
          responses.create({ model, previous_response_id: called.id, tools, input: [output] }),
        )
        strictEqual(answered.output_text, "It is sunny")
        // Without the memory of the server.
        const whole = yield* send(({ responses }) =>
          responses.create({ model, tools, input: [{ role: "user", content: "Weather?" }, call, output] }),
        )
        strictEqual(whole.output_text, "It is sunny")
      }),
    )

    test(
      "is given a call that its run waits for, and the result is for the next response",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(({ snapshot }) => {
            const [last] = snapshot.messages.at(-1)!.parts
            return last?.type === "tool_result"
              ? Stream.succeed(`It is ${String(last["result"])}`)
              : Stream.concat(
                  Stream.fromIterable<AgentEvent.AgentEvent>([
                    { type: "TOOL_CALL_START", toolCallId: "call_2", toolCallName: "weather" },
                    { type: "TOOL_CALL_ARGS", toolCallId: "call_2", delta: "{}" },
                    { type: "TOOL_CALL_END", toolCallId: "call_2" },
                  ]),
                  Stream.fail(Executor.awaitAnswers([Interrupt.ofToolCall("call_2", "weather")])),
                )
          }),
        )
        const called = yield* send(({ responses }) => responses.create({ model, input: "Weather?", tools }))
        deepStrictEqual(
          [called.status, called.output.map(({ type }) => type)],
          ["completed", ["function_call"]],
        )
        const answered = yield* send(({ responses }) =>
          responses.create({
            model,
            previous_response_id: called.id,
            input: [{ type: "function_call_output", call_id: "call_2", output: "rainy" }],
          }),
        )
        strictEqual(answered.output_text, "It is rainy")
        strictEqual((yield* TestRuns.getRun(Ids.RunId.make(called.id))).status, "cancelled")
        const read = yield* send(({ responses }) => responses.retrieve(called.id))
        deepStrictEqual([read.status, read.output], ["completed", called.output])
      }),
    )

    test(
      "is incomplete while its run waits for an approval, and goes on when that is given",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Effect.gen(function* () {
              const approved = yield* Interrupts.approve("deploy", { message: "Deploy?" })
              yield* Emit.text(approved ? "Deployed" : "No")
            }),
          ),
        )
        const waiting = yield* send(({ responses }) => responses.create({ model, input: "Deploy" }))
        deepStrictEqual([waiting.status, waiting.incomplete_details], [
          "incomplete",
          { reason: "interrupt" },
        ] as unknown as [typeof waiting.status, null])
        const runId = Ids.RunId.make(waiting.id)
        const run = yield* TestRuns.getRun(runId)
        const runs = yield* Runs.Runs
        yield* runs.resume(runId, [
          { interruptId: run.waiting!.interrupts[0]!.id, status: "resolved", payload: { approved: true } },
        ])
        const events = yield* send(async ({ responses }) =>
          collected(await responses.retrieve(waiting.id, { stream: true })),
        )
        inOrder(events)
        const done = responseOf(events)
        deepStrictEqual([done.status, textOf(done)], ["completed", "Deployed"])
      }),
    )

    test(
      "tells that a response has failed, and what is wrong with a request",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Emit.event({ type: "RUN_ERROR", code: "no_money", message: "The account is empty" }),
          ),
        )
        const failed = yield* send(({ responses }) => responses.create({ model, input: "hello" }))
        deepStrictEqual([failed.status, failed.error], [
          "failed",
          { code: "no_money", message: "The account is empty" },
        ] as unknown as ["failed", null])
        const missing = yield* refused(({ responses }) => responses.retrieve("resp_none"))
        deepStrictEqual([missing.status, missing.code], [404, "response_not_found"])
        const noModel = yield* refused(({ responses }) => responses.create({ input: "hello" }))
        deepStrictEqual([noModel.status, noModel.param], [400, "model"])
        const hidden = yield* send(({ responses }) =>
          responses.create({ model, input: "hello", store: false }),
        )
        strictEqual((yield* refused(({ responses }) => responses.retrieve(hidden.id))).status, 404)
        const unstored = yield* refused(({ responses }) =>
          responses.create({ model, input: "and?", previous_response_id: hidden.id }),
        )
        deepStrictEqual(
          [unstored.status, unstored.code, unstored.param],
          [400, "previous_response_not_found", "previous_response_id"],
        )
        const { url } = yield* Served
        const stranger = new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: "rlk_wrong", maxRetries: 0 })
        const unknown = yield* refused(() => stranger.responses.create({ model, input: "hello" }))
        strictEqual(unknown.status, 401)
      }),
    )
  })
}

describe("a response that continues others", () => {
  const test = tester(sqlite)

  test(
    "refers to their messages, and its agent is given all of them",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      yield* TestWorker.start(echo)
      const create = (input: string, previous_response_id: string | null, instructions: string) =>
        Effect.map(
          send(({ responses }) => responses.create({ model, input, previous_response_id, instructions })),
          ({ id }) => Ids.RunId.make(id),
        )
      const first = yield* create("x".repeat(100_000), null, "One")
      const second = yield* create("two", first, "Two")
      const [third, other] = yield* Effect.forEach(["three", "other"], (input) =>
        create(input, second, input),
      )
      const textsOf = (id: Ids.RunId, own: boolean) =>
        Effect.map(runs.snapshot(id, { own }), ({ messages }) =>
          messages.map((message) => RequestSnapshot.textOf(message).slice(0, 14)),
        )
      deepStrictEqual(yield* textsOf(third!, true), ["three", "three"])
      const before = ["xxxxxxxxxxxxxx", "You said: xxxx", "two", "You said: two"]
      deepStrictEqual(yield* textsOf(third!, false), ["three", ...before, "three"])
      deepStrictEqual(yield* textsOf(other!, false), ["other", ...before, "other"])
      const { carries } = yield* runs.snapshot(third!, { own: true })
      assertTrue(JSON.stringify(carries).length < 1000)
    }),
  )

  test(
    "is refused where they are more than a request may be",
    Effect.gen(function* () {
      yield* TestWorker.start(Executor.from(() => Emit.text("Seen")))
      const large = () => "x".repeat(5.5 * 1024 * 1024)
      const first = yield* send(({ responses }) => responses.create({ model, input: large() }))
      const second = yield* send(({ responses }) =>
        responses.create({ model, input: large(), previous_response_id: first.id }),
      )
      const third = yield* refused(({ responses }) =>
        responses.create({ model, input: "and?", previous_response_id: second.id }),
      )
      deepStrictEqual(
        [third.status, third.code, third.param],
        [400, "context_length_exceeded", "previous_response_id"],
      )
    }),
  )
})
