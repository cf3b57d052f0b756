/** DBOS: cancels the enqueued workflows that it lists. It polls its queues, so no worker makes claims. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import * as Bulk from "../src/contenders/Bulk.js"
import * as DbosRows from "./DbosRows.js"

const queueName = "large"

Bulk.main<string>(({ store: url }) =>
  Effect.gen(function* () {
    DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logLevel: "error" })
    yield* Effect.acquireRelease(
      Effect.promise(() => DBOS.launch()),
      () => Effect.promise(() => DBOS.shutdown()),
    )
    const fill = yield* DbosRows.filling(url)
    return {
      fill: (count) => fill(queueName, count),
      cancelAll: Effect.promise(async () => {
        const found = await DBOS.listWorkflows({
          queueName,
          status: "ENQUEUED",
          loadInput: false,
          loadOutput: false,
        })
        await DBOS.cancelWorkflows(found.map(({ workflowID }) => workflowID))
      }),
      claim: null,
    }
  }),
)
