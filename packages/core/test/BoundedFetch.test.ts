import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as BoundedFetch from "../src/executor/BoundedFetch.js"

const mebibyte = 1024 * 1024

/** An answer of so many chunks of a mebibyte, and how many of them were read. */
const answering = (type: string, chunks: number, line: string) => {
  const chunk = new TextEncoder().encode(line.repeat(mebibyte / line.length))
  let read = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (read === chunks) return controller.close()
      read += 1
      controller.enqueue(chunk)
    },
  })
  const answer = new Response(body, { headers: { "content-type": type } })
  return { read: () => read, fetch: BoundedFetch.make(() => Promise.resolve(answer)) }
}

const refusalOf = (type: string, line: string) =>
  Effect.gen(function* () {
    const { fetch, read } = answering(type, 900, line)
    const error = yield* Effect.flip(
      Effect.tryPromise({ try: async () => (await fetch("http://peer")).text(), catch: (cause) => cause }),
    )
    const failure = BoundedFetch.failureOf(new Error("of the package", { cause: error }))
    return { failure, read: read() }
  })

it.effect("an answer of 900 MB ends at a limit that the failure names", () =>
  Effect.gen(function* () {
    for (const [type, line, least, message] of [
      ["application/json", "1234567\n", 16, "a body of more than 16777216 bytes"],
      ["text/event-stream; charset=utf-8", "12345678", 16, "an event of more than 16777216 bytes"],
      ["text/event-stream", "data: x\n", 64, "an event stream of more than 67108864 bytes"],
    ] as const) {
      const { failure, read } = yield* refusalOf(type, line)
      deepStrictEqual(
        [failure?.code, failure?.message, failure?.retryable],
        ["answer_too_large", `The server sent ${message}`, false],
      )
      assertTrue(read > least && read < least + 8, `${read} chunks`)
    }
  }),
)

it.effect("an answer within the limits is read as it is, in each way", () =>
  Effect.gen(function* () {
    const answer = Response.json({ of: "peer" }, { status: 201 })
    const response = yield* Effect.promise(() =>
      BoundedFetch.make(() => Promise.resolve(answer))("http://peer"),
    )
    strictEqual(response, answer)
    deepStrictEqual([response.status, yield* Effect.promise(() => response.json())], [201, { of: "peer" }])
    assertTrue(response.bodyUsed)
    const empty = new Response(null, { status: 204 })
    strictEqual(
      yield* Effect.promise(() => BoundedFetch.make(() => Promise.resolve(empty))("http://peer")),
      empty,
    )
  }),
)
