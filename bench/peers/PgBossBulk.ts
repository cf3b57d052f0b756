/** pg-boss: cancels the jobs of a queue by their ids, which a query finds, while another queue has its jobs fetched. */
import { Effect } from "effect"
import { PgBoss } from "pg-boss"
import * as Bulk from "../src/contenders/Bulk.js"
import * as Postgres from "../src/Postgres.js"

const [large, other] = ["large", "other"]

Bulk.main<string>(({ store: url }) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    const boss = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const made = new PgBoss({ connectionString: url, schedule: false })
        made.on("error", () => {})
        await made.start()
        await made.createQueue(large)
        await made.createQueue(other)
        return made
      }),
      (made) => Effect.promise(() => made.stop({ graceful: false })),
    )
    return {
      fill: (count) =>
        Effect.promise(async () => {
          for (let done = 0; done < count; done += 1000) {
            const jobs = Array.from({ length: Math.min(1000, count - done) }, () => ({ data: {} }))
            await boss.insert(large, jobs)
          }
          await Postgres.tidy(client)
        }),
      cancelAll: Effect.promise(async () => {
        const { rows } = await client.query<{ readonly id: string }>(
          "SELECT id FROM pgboss.job WHERE name = $1 AND state = 'created'",
          [large],
        )
        await boss.cancel(
          large,
          rows.map(({ id }) => id),
        )
      }),
      claim: Effect.promise(async () => {
        await boss.send(other, {})
        const startedAt = performance.now()
        const [job] = await boss.fetch(other, { batchSize: 1 })
        const time = performance.now() - startedAt
        if (job !== undefined) await boss.complete(other, job.id)
        return time
      }),
    }
  }),
)
