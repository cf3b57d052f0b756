/** Plays a page of the application: it requests a summary, and follows the run with the token of that run. */
import { Config, Console, Effect, Schema, Stream } from "effect"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import { NodeRuntime } from "@effect/platform-node"

const Accepted = Schema.Struct({ run: Schema.String, token: Schema.String })

const submit = Effect.gen(function* () {
  const url = `http://127.0.0.1:${yield* Config.withDefault(Config.port("PORT"), 3000)}`
  const body = HttpBody.unsafeJson({ text: "A lease ends. Then another worker goes on." })
  const accepted = yield* HttpClient.post(`${url}/summaries`, { body })
  const { run, token } = yield* Schema.decodeUnknown(Accepted)(yield* accepted.json)
  yield* Console.log(`POST /summaries: ${accepted.status}, run ${run}`)

  const headers = { authorization: `Bearer ${token}` }
  const stream = yield* HttpClient.get(`${url}/agents/runs/${run}/stream`, { headers })
  yield* stream.stream.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.map((line): { type: string; result?: unknown } => JSON.parse(line.slice(6))),
    Stream.runForEach(({ result, type }) =>
      Console.log(result === undefined ? type : `${type} ${JSON.stringify(result)}`),
    ),
  )
})

submit.pipe(Effect.provide(FetchHttpClient.layer), NodeRuntime.runMain)
