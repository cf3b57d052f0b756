/** pg-boss: fetchers that fetch again at once after a full batch, and that NOTIFY wakes when idle. */
import { Effect } from "effect"
import { PgBoss } from "pg-boss"
import * as Postgres from "../src/Postgres.js"
import { main, perKey } from "../src/contenders/Contender.js"
import * as PeerTiming from "./PeerTiming.js"

export interface Options {
  readonly url: string
  /** Jobs that a fetcher takes at once and completes together. */
  readonly batchSize: number
  readonly fetchers: number
}

const queue = "bench"

main<Options>(({ batchSize, fetchers, url }) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    const boss = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const made = new PgBoss({ connectionString: url, useListenNotify: true, schedule: false })
        made.on("error", () => {})
        await made.start()
        await made.createQueue(queue, { notify: true })
        return made
      }),
      (made) => Effect.promise(() => made.stop({ graceful: false })),
    )
    const work = async (handled: () => void) => {
      await boss.work(
        queue,
        { batchSize, localConcurrency: fetchers, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
        async (jobs) => jobs.forEach(handled),
      )
      return () => boss.offWork(queue)
    }
    return {
      fill: (count) =>
        Effect.promise(async () => {
          // Else the count of the jobs that are left would read all that are completed.
          await boss.deleteStoredJobs(queue)
          for (let done = 0; done < count; done += 1000) {
            await boss.insert(
              queue,
              Array.from({ length: Math.min(1000, count - done) }, () => ({ data: {} })),
            )
          }
          await Postgres.tidy(client)
          return null
        }),
      fillKeys: ({ keys, runs }) =>
        Effect.promise(async () => {
          for (let done = 0; done < runs; done += 1000) {
            await boss.insert(
              queue,
              Array.from({ length: Math.min(1000, runs - done) }, (_, index) => ({
                data: {},
                group: { id: `key-${(done + index) % keys}` },
              })),
            )
          }
          await Postgres.tidy(client)
          return null
        }),
      limited: (count) =>
        Effect.promise(async () => {
          const claimed: Array<number> = []
          const ended: Array<number> = []
          for (let index = 0; index < count; index += 1) {
            const startedAt = performance.now()
            const [job] = await boss.fetch(queue, { batchSize: 1, groupConcurrency: perKey })
            const claimedAt = performance.now()
            if (job === undefined) throw new Error("The backlog is used up")
            await boss.complete(queue, job.id)
            claimed.push(claimedAt - startedAt)
            ended.push(performance.now() - claimedAt)
          }
          return { claimed, ended }
        }),
      drain: (count) =>
        PeerTiming.perSecond(
          {
            work,
            left: async () => {
              const { rows } = await client.query(
                "SELECT count(*)::int AS left FROM pgboss.job WHERE name = $1 AND state < 'completed'",
                [queue],
              )
              return rows[0].left
            },
          },
          count,
        ),
      pickUps: (count) => PeerTiming.pickUps(work, () => boss.send(queue, {}), count),
      places: ({ others, runs }) =>
        Effect.promise(async () => {
          for (let done = 0; done < runs; done += 1000) {
            await boss.insert(
              queue,
              Array.from({ length: Math.min(1000, runs - done) }, () => ({ data: { key: "heavy" } })),
            )
          }
          await Postgres.tidy(client)
          for (let other = 0; other < others; other += 1) {
            await boss.send(queue, { key: "other" })
          }
          let [place, last, left] = [0, 0, others]
          while (left > 0) {
            for (const { data } of await boss.fetch<{ readonly key: string }>(queue, { batchSize: 500 })) {
              place += 1
              if (data.key !== "other") continue
              left -= 1
              last = place
            }
          }
          return last
        }),
    }
  }),
)
