/** pg-boss with a schedule of each minute for each key. It looks for due ones each 30 seconds, as its documentation says. */
import { Effect } from "effect"
import { PgBoss } from "pg-boss"
import { main, sinceMinute } from "../src/contenders/Ticks.js"

const queue = "bench"

main(({ database, schedules }, late) =>
  Effect.gen(function* () {
    const boss = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const made = new PgBoss({ connectionString: database, useListenNotify: true })
        made.on("error", () => {})
        await made.start()
        await made.createQueue(queue, { notify: true })
        return made
      }),
      (made) => Effect.promise(() => made.stop({ graceful: false })),
    )
    yield* Effect.promise(async () => {
      for (let index = 0; index < schedules; index += 1) {
        await boss.schedule(queue, "* * * * *", {}, { key: `s${index}` })
      }
      await boss.work(
        queue,
        { batchSize: 12, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
        async (jobs) => jobs.forEach(() => late.push(sinceMinute())),
      )
    })
  }),
)
