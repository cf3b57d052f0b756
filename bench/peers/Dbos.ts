/** Steps of DBOS, whose workflows run in this process over its tables in PostgreSQL. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import * as Postgres from "../src/Postgres.js"
import { main } from "../src/contenders/Contender.js"
import { makeTimes, resultOf } from "../src/contenders/Steps.js"

export interface Options {
  readonly url: string
  /** Connections of its pool. */
  readonly connections: number
}

main<Options>(({ connections, url }) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    let times = makeTimes()
    const workflow = DBOS.registerWorkflow(
      async (steps: number) => {
        for (let index = 0; index < steps; index += 1) {
          const startedAt = performance.now()
          await DBOS.runStep(async () => resultOf(index), { name: "weather" })
          times.add(startedAt)
        }
      },
      { name: "weather" },
    )
    DBOS.setConfig({
      name: "bench",
      systemDatabaseUrl: url,
      systemDatabasePoolSize: connections,
      logLevel: "error",
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => DBOS.launch()),
      () => Effect.promise(() => DBOS.shutdown()),
    )
    return {
      fill: () => Effect.promise(() => Postgres.tidy(client)).pipe(Effect.as(null)),
      steps: ({ runs, steps }) =>
        Effect.promise(async () => {
          times = makeTimes()
          const startedAt = performance.now()
          const handles = await Promise.all(
            Array.from({ length: runs }, () => DBOS.startWorkflow(workflow)(steps)),
          )
          await Promise.all(handles.map((handle) => handle.getResult()))
          const millis = performance.now() - startedAt
          return { rate: (runs * steps * 1000) / millis, appends: null, ...times.quantiles() }
        }),
    }
  }),
)
