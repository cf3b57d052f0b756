import { NodeHttpServer } from "@effect/platform-node"
import { AiModel } from "@runlease/executor-ai"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Effect, Layer, Stream } from "effect"
import { createServer } from "node:http"

/** The longest answer of the stand-in. */
export const story =
  "A worker takes a run and holds it under a lease. It writes down each word as it comes, and each word is safe. " +
  "One day the page is closed in the middle of a sentence. The worker does not mind, and writes on. " +
  "The page that is opened again shows what was written, and the end of the story comes all the same."

/** Answers requests for refunds and a story; else with the number of messages in the request. */
const answerTo = ({ messages }: ModelServer.Request): Exclude<ModelServer.Answer, Stream.Stream<string>> => {
  const question = messages.findLast(({ role }) => role === "user")
  const result = messages.at(-1)
  const text = question === undefined ? "" : ModelServer.textOf(question)
  if (result?.role === "tool") return `What came of it: ${ModelServer.textOf(result)}`
  const euros = /refund (\d+)/i.exec(text)?.[1]
  if (euros !== undefined) return { tool: "refund", arguments: { euros: Number(euros) } }
  if (/story/i.test(text)) return story
  return `I have read ${messages.length} messages, and have nothing to add.`
}

/** A stand-in for a model: a server on loopback with the protocol of a real one. It runs `pace` before each word. */
export const layer = (pace: Effect.Effect<void>) =>
  Layer.unwrapEffect(
    Effect.map(ModelServer.ModelServer, ({ url }) =>
      AiModel.fromName("openai-chat:stand-in", { baseUrl: url }),
    ),
  ).pipe(
    Layer.provide(
      ModelServer.layer((request) => {
        const answer = answerTo(request)
        return typeof answer === "string"
          ? Stream.tap(Stream.fromIterable(ModelServer.wordsOf(answer)), () => pace)
          : answer
      }),
    ),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
  )
