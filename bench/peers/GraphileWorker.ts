/** graphile-worker, with one job at a time from the database or many into its local queue. */
import { Effect } from "effect"
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import { Pool } from "pg"
import * as Postgres from "../src/Postgres.js"
import { main } from "../src/contenders/Contender.js"
import * as PeerTiming from "./PeerTiming.js"

export interface Options {
  readonly url: string
  readonly concurrency: number
  /** Jobs per fetch; 0 for one at a time. */
  readonly localQueue: number
  /** Whether concurrent completions are written together. */
  readonly batched: boolean
}

const silent = new Logger(() => () => {})

/** A pool whose connections are open, as those of the other contenders are before they are timed. */
const withPool = <A>(url: string, size: number, use: (pool: Pool) => Effect.Effect<A>): Effect.Effect<A> =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const pool = new Pool({ connectionString: url, max: size })
      const ignored = () => {}
      pool.on("error", ignored)
      pool.on("connect", (connected) => connected.on("error", ignored))
      const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()))
      for (const connected of clients) connected.release()
      return pool
    }),
    use,
    (pool) => Effect.promise(() => pool.end()),
  )

main<Options>(({ batched, concurrency, localQueue, url }) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    const utils = yield* Effect.acquireRelease(
      Effect.promise(() => makeWorkerUtils({ connectionString: url, logger: silent })),
      (made) => Effect.promise(async () => made.release()),
    )
    yield* Effect.promise(() => utils.migrate())
    const work = (pgPool: Pool) => async (handled: () => void) => {
      const runner = await run({
        pgPool,
        preset: {
          worker: {
            concurrentJobs: concurrency,
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
        withPool(url, concurrency + 2, (pool) =>
          PeerTiming.perSecond(
            {
              work: work(pool),
              left: async () => {
                const { rows } = await client.query(
                  "SELECT count(*)::int AS left FROM graphile_worker._private_jobs",
                )
                return rows[0].left
              },
            },
            count,
          ),
        ),
      pickUps: (count) =>
        withPool(url, concurrency + 2, (pool) =>
          PeerTiming.pickUps(work(pool), () => utils.addJob("bench", {}), count),
        ),
    }
  }),
)
