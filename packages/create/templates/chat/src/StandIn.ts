/** A stand-in for a model: a server on loopback with the protocol of a real one. Delete it once you have a model. */
import { NodeHttpServer } from "@effect/platform-node"
import { AiModel } from "@runlease/executor-ai"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Effect, Layer, Stream } from "effect"
import { createServer } from "node:http"

const story =
  "A worker takes a run under a lease, and writes down each word. One day the page is closed in the middle of a " +
  "sentence. The worker writes on. The page that is opened again shows the story to its end."

/** Requests refunds, and tells a story. */
const answerTo = ({ messages }: ModelServer.Request): ModelServer.Answer => {
  const question = messages.findLast(({ role }) => role === "user")
  const last = messages.at(-1)
  const text = question === undefined ? "" : ModelServer.textOf(question)
  if (last?.role === "tool") return `The tool answered: ${ModelServer.textOf(last)}`
  const euros = /refund (\d+)/i.exec(text)?.[1]
  if (euros !== undefined) return { tool: "refund", arguments: { euros: Number(euros) } }
  return /story/i.test(text) ? story : 'Try "Refund 40 EUR" or "Tell me a story".'
}

/** Waits before each word, as a model does. */
const slowly = (answer: ModelServer.Answer): ModelServer.Answer =>
  typeof answer === "string"
    ? Stream.tap(Stream.fromIterable(ModelServer.wordsOf(answer)), () => Effect.sleep("60 millis"))
    : answer

export const model = Layer.unwrapEffect(
  Effect.map(ModelServer.ModelServer, ({ url }) =>
    AiModel.fromName("openai-chat:stand-in", { baseUrl: url }),
  ),
).pipe(
  Layer.provide(ModelServer.layer((request) => slowly(answerTo(request)))),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
)
