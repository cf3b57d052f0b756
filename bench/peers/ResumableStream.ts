/**
 * resumable-stream: a stream of the chunks of an answer, which a page resumes from its beginning by another context. The process that makes
 * the stream has all of it in memory, and must live for a page to resume it.
 *
 * Source: https://github.com/vercel/resumable-stream
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { createServer } from "node:http"
import { createResumableStreamContext } from "resumable-stream/ioredis"
import * as Child from "../src/Child.js"

export interface Options {
  readonly port: number
  readonly chunks: number
  readonly last: string
}

const { chunks, last, port } = Child.options<Options>()

const contextOf = () => {
  const redis = new Redis({ host: "127.0.0.1", port })
  return createResumableStreamContext({
    waitUntil: null,
    publisher: redis,
    subscriber: new Redis({ host: "127.0.0.1", port }),
  })
}

const frameOf = (delta: string): string =>
  `data: ${JSON.stringify({ type: "text-delta", id: "m", delta })}\n\n`

/** It does not end: a page resumes what is unfinished. */
const answer = (): ReadableStream<string> =>
  new ReadableStream({
    start: (controller) => {
      for (let index = 0; index < chunks; index++) {
        controller.enqueue(frameOf(index === chunks - 1 ? last : `word ${index} `))
      }
    },
  })

const serve = Effect.gen(function* () {
  const stream = yield* Effect.promise(async () => {
    const made = await contextOf().createNewResumableStream("answer", answer)
    const reader = made!.getReader()
    for (let read = 0; read < chunks; read++) await reader.read()
    return made
  })
  const resuming = contextOf()
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    void (async () => {
      const resumed = await resuming.resumeExistingStream("answer")
      const reader = resumed!.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done || response.destroyed) return
        response.write(value)
      }
    })()
  })
  yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  yield* Child.serve({ url }, {})
  return stream
})

serve.pipe(Effect.scoped, NodeRuntime.runMain)
