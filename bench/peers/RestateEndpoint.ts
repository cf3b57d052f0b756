/** Services of Restate on a port of this process. */
import { createEndpointHandler } from "@restatedev/restate-sdk"
import { Effect, type Scope } from "effect"
import { createServer } from "node:http2"
import type { AddressInfo } from "node:net"

type Services = Parameters<typeof createEndpointHandler>[0]["services"]

/** A function of Node 22 that the SDK calls. It works on Node 20 otherwise. */
const withResolvers = () => {
  let settle = {}
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}
if (!("withResolvers" in Promise)) Object.assign(Promise, { withResolvers })

/** Sends JSON, and fails unless it is accepted. */
export const post = async (url: string, body: unknown): Promise<void> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
}

/** Serves until the Scope closes, and registers the services with a server. Any port when it is absent. */
export const serve = (admin: string, services: Services, port = 0): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const created = createServer(createEndpointHandler({ services, logger: () => {} }))
        created.listen(port, "127.0.0.1", () => resume(Effect.succeed(created)))
      }),
      (created) => Effect.sync(() => created.close()),
    )
    const address = server.address() as AddressInfo
    yield* Effect.promise(() => post(`${admin}/deployments`, { uri: `http://127.0.0.1:${address.port}` }))
  })
