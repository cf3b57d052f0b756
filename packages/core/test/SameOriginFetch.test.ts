import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import * as SameOriginFetch from "../src/model/SameOriginFetch.js"

/** A server whose paths say where they redirect to: `/STATUS?to=URL`. Any other path says what came. */
const serve = Effect.acquireRelease(
  Effect.promise(async () => {
    const requests: Array<string> = []
    const server = createServer(async (request, response) => {
      const url = new URL(request.url ?? "", "http://server")
      const line = `${request.method} ${url.pathname} ${request.headers["x-api-key"]} ${await text(request)}`
      requests.push(line)
      const to = url.searchParams.get("to")
      if (to === null) response.end(line)
      else response.writeHead(Number(url.pathname.slice(1)), { location: to }).end()
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    return { server, requests, origin: `http://127.0.0.1:${port}` }
  }),
  ({ server }) => Effect.promise(() => new Promise((resolve) => server.close(resolve))),
)

const post = (url: string) =>
  SameOriginFetch.make()(url, {
    method: "POST",
    body: "secret",
    headers: { "x-api-key": "key", connection: "close" },
  })

it.scopedLive("a request with credentials follows redirects of its own origin, and none to another", () =>
  Effect.gen(function* () {
    const own = yield* serve
    const other = yield* serve
    const at = (status: number, to: string) => `${own.origin}/${status}?to=${encodeURIComponent(to)}`
    const followed = yield* Effect.forEach([307, 308, 303, 302, 301], (status) =>
      Effect.promise(async () => (await post(at(status, "/there"))).text()),
    )
    deepStrictEqual(followed, [
      "POST /there key secret",
      "POST /there key secret",
      "GET /there key ",
      "GET /there key ",
      "GET /there key ",
    ])
    for (const status of [301, 302, 303, 307, 308]) {
      const twice = at(307, at(status, `${other.origin}/there`))
      for (const url of [at(status, `${other.origin}/there`), twice]) {
        const error = yield* Effect.flip(
          Effect.tryPromise({ try: () => post(url), catch: (thrown) => thrown }),
        )
        const refusal = SameOriginFetch.refusalIn(new Error("outer", { cause: error }))
        deepStrictEqual([refusal?.from, refusal?.to], [own.origin, other.origin])
      }
    }
    deepStrictEqual(other.requests, [])
  }),
)
