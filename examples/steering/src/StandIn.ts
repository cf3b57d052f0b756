import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Ref, Stream } from "effect"
import { createServer } from "node:http"

const chunk = (choices: ReadonlyArray<object>) =>
  JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 0, model: "stand-in", choices })

const text = (content: string) =>
  chunk([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }])

const end = [chunk([{ index: 0, delta: {}, finish_reason: "stop" }]), "[DONE]"]

const data = (chunks: ReadonlyArray<string>) =>
  Stream.fromIterable(chunks.map((chunk) => `data: ${chunk}\n\n`))

/** A stand-in for a model, with the protocol of a real one. It takes for ever to end its first answer. */
export const make = Effect.gen(function* () {
  const requests = yield* Ref.make<ReadonlyArray<string>>([])
  const server = yield* NodeHttpServer.make(() => createServer(), { port: 0, host: "127.0.0.1" })
  yield* server.serve(
    Effect.gen(function* () {
      const body = yield* (yield* HttpServerRequest.HttpServerRequest).text
      const { length } = yield* Ref.updateAndGet(requests, (all) => [...all, body])
      const answer =
        length === 1
          ? Stream.concat(data([text("First you take the plane to Lisbon.")]), Stream.never)
          : data([text("First you take the night train to Lisbon."), ...end])
      return HttpServerResponse.stream(Stream.encodeText(answer), { contentType: "text/event-stream" })
    }),
  )
  const { address } = server
  return {
    url: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`,
    requests: Ref.get(requests),
  }
})
