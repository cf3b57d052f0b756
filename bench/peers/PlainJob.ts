/** plainjob on better-sqlite3, which executes one job after another. */
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import { better, defineQueue, defineWorker, JobStatus } from "plainjob"
import type { SqliteOptions } from "../src/Stores.js"
import { main } from "../src/contenders/Contender.js"
import * as PeerTiming from "./PeerTiming.js"

export interface Options {
  readonly store: SqliteOptions
}

const type = "bench"
const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} }

main<Options>(({ store }) =>
  Effect.gen(function* () {
    const database = new Sqlite(store.filename)
    const queue = yield* Effect.acquireRelease(
      Effect.sync(() => defineQueue({ connection: better(database), logger: silent })),
      (made) => Effect.sync(() => made.close()),
    )
    // `defineQueue` sets NORMAL.
    database.pragma(`synchronous = ${store.synchronous}`)
    return {
      fill: (count) =>
        Effect.sync(() => {
          queue.addMany(
            type,
            Array.from({ length: count }, () => ({})),
          )
          database.pragma("wal_checkpoint(TRUNCATE)")
          return null
        }),
      drain: (count) =>
        PeerTiming.perSecond(
          {
            work: async (handled) => {
              const worker = defineWorker(type, () => handled(), { queue, logger: silent, pollIntervall: 1 })
              const ended = worker.start()
              return async () => {
                await worker.stop()
                await ended
              }
            },
            left: async () =>
              queue.countJobs({ type, status: JobStatus.Pending }) +
              queue.countJobs({ type, status: JobStatus.Processing }),
          },
          count,
        ),
    }
  }),
)
