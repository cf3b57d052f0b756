/** Steps of a service of Restate, whose server is a process of its own with storage of its own. */
import { service, type Context } from "@restatedev/restate-sdk"
import { Effect } from "effect"
import type { Server } from "../src/Restate.js"
import { main } from "../src/contenders/Contender.js"
import { makeTimes, resultOf } from "../src/contenders/Steps.js"
import * as RestateEndpoint from "./RestateEndpoint.js"

export type Options = Pick<Server, "admin" | "ingress">

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
    yield* RestateEndpoint.serve(admin, [weather])
    return {
      fill: () => Effect.succeed(null),
      steps: ({ runs, steps }) =>
        Effect.promise(async () => {
          times = makeTimes()
          const startedAt = performance.now()
          await Promise.all(
            Array.from({ length: runs }, () => RestateEndpoint.post(`${ingress}/weather/run`, steps)),
          )
          const millis = performance.now() - startedAt
          return { rate: (runs * steps * 1000) / millis, appends: null, ...times.quantiles() }
        }),
    }
  }),
)
