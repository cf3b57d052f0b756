/** Steps of a service of Restate, whose server is a process of its own with storage of its own. */
import { createEndpointHandler, service, type Context } from "@restatedev/restate-sdk"
import { Effect } from "effect"
import { createServer } from "node:http2"
import type { AddressInfo } from "node:net"
import type { Server } from "../src/Restate.js"
import { main } from "../src/contenders/Contender.js"
import { makeTimes, resultOf } from "../src/contenders/Steps.js"

export type Options = Pick<Server, "admin" | "ingress">

/** A function of Node 22 that the SDK calls. It works on Node 20 otherwise. */
const withResolvers = () => {
  let settle = {}
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}
if (!("withResolvers" in Promise)) Object.assign(Promise, { withResolvers })

const post = async (url: string, body: unknown): Promise<void> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
}

main<Options>(({ admin, ingress }) =>
  Effect.gen(function* () {
    let times = makeTimes()
    const weather = service({
      name: "weather",
      handlers: {
        run: async (context: Context, steps: number) => {
          for (let index = 0; index < steps; index += 1) {
            const startedAt = performance.now()
            await context.run("weather", async () => resultOf(index))
            times.add(startedAt)
          }
        },
      },
    })
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const created = createServer(createEndpointHandler({ services: [weather], logger: () => {} }))
        created.listen(0, "127.0.0.1", () => resume(Effect.succeed(created)))
      }),
      (created) => Effect.sync(() => created.close()),
    )
    const { port } = server.address() as AddressInfo
    yield* Effect.promise(() => post(`${admin}/deployments`, { uri: `http://127.0.0.1:${port}` }))
    return {
      fill: () => Effect.succeed(null),
      steps: ({ runs, steps }) =>
        Effect.promise(async () => {
          times = makeTimes()
          const startedAt = performance.now()
          await Promise.all(Array.from({ length: runs }, () => post(`${ingress}/weather/run`, steps)))
          const millis = performance.now() - startedAt
          return { rate: (runs * steps * 1000) / millis, appends: null, ...times.quantiles() }
        }),
    }
  }),
)
