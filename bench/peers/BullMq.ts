/** BullMQ on a Redis of its own. */
import { Queue, Worker } from "bullmq"
import { Effect } from "effect"
import { main } from "../src/contenders/Contender.js"
import * as PeerTiming from "./PeerTiming.js"

export interface Options {
  readonly port: number
  readonly concurrency: number
}

const name = "bench"

main<Options>(({ concurrency, port }) =>
  Effect.gen(function* () {
    const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
    const queue = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const made = new Queue(name, { connection })
        await made.waitUntilReady()
        return made
      }),
      (made) => Effect.promise(() => made.close()),
    )
    const work = async (handled: () => void) => {
      const worker = new Worker(name, async () => handled(), { connection, concurrency })
      await worker.waitUntilReady()
      return () => worker.close()
    }
    return {
      fill: (count) =>
        Effect.promise(async () => {
          for (let done = 0; done < count; done += 1000) {
            await queue.addBulk(
              Array.from({ length: Math.min(1000, count - done) }, () => ({ name: "job", data: {} })),
            )
          }
          return null
        }),
      drain: (count) =>
        PeerTiming.perSecond(
          {
            work,
            left: async () => {
              const { active = 0, waiting = 0 } = await queue.getJobCounts("active", "waiting")
              return active + waiting
            },
          },
          count,
        ),
      pickUps: (count) => PeerTiming.pickUps(work, () => queue.add("job", {}), count),
      places: ({ others, runs }) =>
        Effect.promise(async () => {
          for (let done = 0; done < runs; done += 1000) {
            await queue.addBulk(
              Array.from({ length: Math.min(1000, runs - done) }, () => ({ name: "heavy", data: {} })),
            )
          }
          for (let other = 0; other < others; other += 1) {
            await queue.add("other", {})
          }
          let [place, last, left] = [0, 0, others]
          const worker = await new Promise<Worker>((resolve) => {
            const count = async (job: { readonly name: string }) => {
              place += 1
              if (job.name !== "other") return
              left -= 1
              last = place
              if (left === 0) resolve(counting)
            }
            const counting = new Worker(name, count, { connection, concurrency })
          })
          await worker.close(true)
          return last
        }),
    }
  }),
)
