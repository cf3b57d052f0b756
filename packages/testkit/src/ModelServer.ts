/**
 * A stand-in for a language model: a server with the protocol of a real one, whose answers a test or a demonstration writes.
 *
 * ```ts
 * const model = ModelServer.layer(({ messages }) => `I have read ${messages.length} messages.`).pipe(
 *   Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
 * )
 * // With @runlease/executor-ai:
 * const { url } = yield* ModelServer.ModelServer
 * AiModel.fromName("openai-chat:stand-in", { baseUrl: url })
 * ```
 *
 * It has the chat completions of OpenAI, streamed and whole, and takes any key. It requires `@effect/platform`.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat-streaming
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Array, Context, Effect, Layer, Predicate, Ref, Schema, Stream } from "effect"

const Message = Schema.Struct({ role: Schema.String, content: Schema.optional(Schema.Unknown) })

/** What the model is sent: messages, and the tools that it may call. `content` is text, or parts of which some are text. */
export const Request = Schema.Struct({
  messages: Schema.Array(Message),
  tools: Schema.optionalWith(
    Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) })),
    { default: () => [] },
  ),
  stream: Schema.optional(Schema.Boolean),
})
export type Request = typeof Request.Type

/** What the model answers: text, which is sent word by word; text as it comes; or a call of a tool, behind a text if it has one. */
export type Answer =
  | string
  | Stream.Stream<string>
  | {
      readonly text?: string
      readonly tool: string
      readonly arguments: Readonly<Record<string, unknown>>
    }

export class ModelServer extends Context.Tag("@runlease/testkit/ModelServer")<
  ModelServer,
  {
    /** The base of its paths: `${url}/chat/completions`. */
    readonly url: string
    /** The requests so far, the first one first. */
    readonly requests: Effect.Effect<ReadonlyArray<Request>>
  }
>() {}

/** The text of a message: its content, or that of its parts. */
export const textOf = ({ content }: Request["messages"][number]): string =>
  Array.isArray(content)
    ? content
        .map((part) => (Predicate.isRecord(part) && Predicate.isString(part["text"]) ? part["text"] : ""))
        .join("")
    : Predicate.isString(content)
      ? content
      : ""

/** The words of a text, each with the space behind it. */
export const wordsOf = (text: string): ReadonlyArray<string> => text.split(/(?<= )/)

const chunk = (choices: ReadonlyArray<object>, usage?: object): string =>
  JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 0, model: "stand-in", choices, usage })

const piece = (delta: object, finish: string | null = null) =>
  chunk([{ index: 0, delta, finish_reason: finish }])

/** The tokens of an answer: ten go in, and each piece is one. */
const usage = (count: number) =>
  chunk([], { prompt_tokens: 10, completion_tokens: count, total_tokens: 10 + count })

const chunksOf = (answer: Answer, callId: string): Stream.Stream<string> => {
  if (!Predicate.isString(answer) && "tool" in answer) {
    const called = { name: answer.tool, arguments: JSON.stringify(answer.arguments) }
    const call = { index: 0, id: callId, type: "function", function: called }
    const words = answer.text === undefined ? [] : wordsOf(answer.text)
    return Stream.make(
      ...words.map((content) => piece({ role: "assistant", content })),
      piece({ role: "assistant", tool_calls: [call] }),
      piece({}, "tool_calls"),
      usage(words.length + 1),
      "[DONE]",
    )
  }
  const texts = Predicate.isString(answer) ? Stream.fromIterable(wordsOf(answer)) : answer
  return Stream.suspend(() => {
    let count = 0
    const pieces = Stream.map(texts, (content) => {
      count += 1
      return piece({ role: "assistant", content })
    })
    return Stream.concat(
      pieces,
      Stream.suspend(() => Stream.make(piece({}, "stop"), usage(count), "[DONE]")),
    )
  })
}

/** A whole answer, for a request that is not streamed. */
const completionOf = (answer: Answer, callId: string): Effect.Effect<object> => {
  const completion = (message: object, finish: string) => ({
    id: "1",
    object: "chat.completion",
    created: 0,
    model: "stand-in",
    choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
  })
  if (Predicate.isString(answer)) return Effect.succeed(completion({ content: answer }, "stop"))
  if ("tool" in answer) {
    const called = { name: answer.tool, arguments: JSON.stringify(answer.arguments) }
    const tool_calls = [{ id: callId, type: "function", function: called }]
    return Effect.succeed(completion({ content: answer.text ?? null, tool_calls }, "tool_calls"))
  }
  return Effect.map(Stream.mkString(answer), (content) => completion({ content }, "stop"))
}

/** Serves the model. `answer` gets each request, and how many came before it. */
export const layer = (
  answer: (request: Request, before: number) => Answer,
): Layer.Layer<ModelServer, never, HttpServer.HttpServer> =>
  Layer.unwrapEffect(
    Effect.map(Ref.make<ReadonlyArray<Request>>([]), (requests) => {
      const answering = Effect.gen(function* () {
        const request = yield* HttpServerRequest.schemaBodyJson(Request)
        const before = (yield* Ref.getAndUpdate(requests, (all) => [...all, request])).length
        const given = answer(request, before)
        const callId = `call-${before + 1}`
        if (request.stream !== true) {
          return yield* HttpServerResponse.json(yield* completionOf(given, callId))
        }
        const frames = Stream.map(chunksOf(given, callId), (data) => `data: ${data}\n\n`)
        return HttpServerResponse.stream(Stream.encodeText(frames), { contentType: "text/event-stream" })
      })
      return Layer.merge(
        HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.post("/v1/chat/completions", answering))),
        Layer.effect(
          ModelServer,
          HttpServer.addressFormattedWith((url) =>
            Effect.succeed({ url: `${url}/v1`, requests: Ref.get(requests) }),
          ),
        ),
      )
    }),
  )
