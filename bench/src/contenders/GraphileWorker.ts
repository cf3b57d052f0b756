/** graphile-worker, with one job at a time from the database or many into its local queue. */
import { Effect } from "effect"
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import * as Postgres from "../Postgres.js"
import { concurrency, main } from "./Contender.js"
import * as PeerTiming from "./PeerTiming.js"

export interface Options {
  readonly url: string
  /** Jobs per fetch; 0 for one at a time. */
  readonly localQueue: number
  /** Whether concurrent completions are written together. */
  readonly batched: boolean
}

const silent = new Logger(() => () => {})

main<Options>(({ batched, localQueue, url }) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    const utils = yield* Effect.acquireRelease(
      Effect.promise(() => makeWorkerUtils({ connectionString: url, logger: silent })),
      (made) => Effect.promise(async () => made.release()),
    )
    yield* Effect.promise(() => utils.migrate())
    const work = async (handled: () => void) => {
      const runner = await run({
        preset: {
          worker: {
            connectionString: url,
            concurrentJobs: concurrency,
            maxPoolSize: concurrency + 2,
            ...(localQueue > 0 ? { localQueue: { size: localQueue } } : {}),
            ...(batched ? { completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {}),
          },
        },
        logger: silent,
        noHandleSignals: true,
        taskList: { bench: async () => handled() },
      })
      return () => runner.stop()
    }
    return {
      fill: (count) =>
        Effect.promise(async () => {
          await utils.addJobs(Array.from({ length: count }, () => ({ identifier: "bench", payload: {} })))
          await Postgres.tidy(client)
          return null
        }),
      drain: (count) =>
        PeerTiming.perSecond(
          {
            work,
            left: async () => {
              const { rows } = await client.query(
                "SELECT count(*)::int AS left FROM graphile_worker._private_jobs",
              )
              return rows[0].left
            },
          },
          count,
        ),
      pickUps: (count) => PeerTiming.pickUps(work, () => utils.addJob("bench", {}), count),
    }
  }),
)
