/**
 * The least that Node can do for the same exchanges: reads JSON, checks the token, answers what the real server
 * answered once with the run's id filled in. It keeps nothing.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import type { BareOptions } from "./BareExchange.js"
import * as Child from "./Child.js"

const { answers, token } = Child.options<BareOptions>()

const answerTo = ({ url = "" }: IncomingMessage) =>
  url.endsWith("/claim") ? answers.claim : url.endsWith("/complete") ? answers.complete : answers.submit

const listening = Effect.async<string>((resume) => {
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      JSON.parse(Buffer.concat(chunks).toString("utf8"))
      if (request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401).end()
        return
      }
      const { body, status } = answerTo(request)
      const text = JSON.stringify(body)
      response.writeHead(status, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      })
      response.end(text)
    })
  })
  server.listen(0, "127.0.0.1", () =>
    resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  )
})

listening.pipe(
  Effect.flatMap((url) => Child.answer({ url, key: token }, {})),
  NodeRuntime.runMain,
)
