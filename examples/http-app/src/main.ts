import { FetchHttpClient, HttpBody, HttpClient, HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { createServer } from "node:http"
import * as App from "./App.js"

const Greeted = Schema.Struct({ run: Schema.String, token: Schema.String })

/** Sends requests to the application from outside. */
const visit = Effect.gen(function* () {
  const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const headers = { "x-user": "ada" }

  const greeted = yield* HttpClient.post(`${url}/greetings/world`, { body: HttpBody.empty })
  const { run, token } = yield* Schema.decodeUnknown(Greeted)(yield* greeted.json)
  yield* Console.log(`POST /greetings/world: ${greeted.status}, ${run}`)

  const anonymous = yield* HttpClient.get(`${url}/agents/runs/${run}`)
  yield* Console.log(`GET /agents/runs/${run} without a user: ${anonymous.status}`)

  const found = yield* HttpClient.get(`${url}/agents/runs/${run}`, { headers })
  yield* Console.log(`GET /agents/runs/${run} as ada: ${found.status}`)

  const page = { authorization: `Bearer ${token}` }
  yield* HttpClient.post(`${url}/greetings/moon`, { body: HttpBody.empty })
  const other = yield* HttpClient.get(`${url}/agents/runs/greet-moon`, { headers: page })
  yield* Console.log(`GET /agents/runs/greet-moon as the page of ${run}: ${other.status}`)

  const stream = yield* HttpClient.get(`${url}/agents/runs/${run}/stream`, { headers: page })
  yield* Console.log(`GET /agents/runs/${run}/stream as its page: ${stream.status}`)
  yield* stream.stream.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.map((line): { type: string; delta?: string } => JSON.parse(line.slice(6))),
    Stream.runForEach((event) =>
      Console.log(`  ${event.type}${event.delta === undefined ? "" : ` ${event.delta}`}`),
    ),
  )
})

visit.pipe(
  Effect.provide(
    App.layer.pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
      Layer.merge(FetchHttpClient.layer),
    ),
  ),
  NodeRuntime.runMain,
)
