/**
 * The claims of DBOS from a queue with partitions, of which each has a limit: what its dispatcher does at a poll of a worker with one free
 * slot. It has no call for that, so this calls its system database as the dispatcher does.
 */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import { main, perKey } from "../src/contenders/Contender.js"
import * as DbosRows from "./DbosRows.js"
import { DBOSExecutor } from "./node_modules/@dbos-inc/dbos-sdk/dist/src/dbos-executor.js"

export interface Options {
  readonly url: string
}

const name = "limited"

/** Its own dispatcher first polls after that. */
const minPollingIntervalMs = 3_600_000

main<Options>(({ url }) =>
  Effect.gen(function* () {
    DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logLevel: "error" })
    yield* Effect.acquireRelease(
      Effect.promise(() => DBOS.launch()),
      () => Effect.promise(() => DBOS.shutdown()),
    )
    const queue = yield* Effect.promise(() =>
      DBOS.registerQueue(name, { workerConcurrency: 1, partitionConcurrency: perKey, minPollingIntervalMs }),
    )
    const fill = yield* DbosRows.filling(url)
    const { executorID, systemDatabase } = DBOSExecutor.globalInstance!
    return {
      fillKeys: ({ keys, runs }) => Effect.as(fill(name, runs, keys), null),
      limited: (count) =>
        Effect.promise(async () => {
          const claimed: Array<number> = []
          const ended: Array<number> = []
          for (let index = 0; index < count; index += 1) {
            const startedAt = performance.now()
            const [key] = await systemDatabase.getQueuePartitions(name)
            const owner = crypto.randomUUID()
            const [id] = await systemDatabase.findAndMarkStartableWorkflows(
              queue,
              executorID,
              DBOS.applicationVersion,
              key,
              0,
              0,
              owner,
            )
            const claimedAt = performance.now()
            if (id === undefined) throw new Error("The backlog is used up")
            const status = await systemDatabase.getWorkflowStatus(id)
            const endsAt = performance.now()
            await systemDatabase.recordWorkflowOutput(id, status!, owner)
            claimed.push(claimedAt - startedAt)
            ended.push(performance.now() - endsAt)
          }
          return { claimed, ended }
        }),
    }
  }),
)
