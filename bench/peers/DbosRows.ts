/** Many enqueued workflows of DBOS: copies of the row of one, as its client takes minutes for as many. */
import { DBOSClient } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import * as Postgres from "../src/Postgres.js"

const columnsOf = async (client: Postgres.Client): Promise<string> => {
  const { rows } = await client.query<{ readonly columns: string }>(
    `SELECT string_agg(column_name, ', ') AS columns FROM information_schema.columns
    WHERE table_schema = 'dbos' AND table_name = 'workflow_status' AND is_generated = 'NEVER'
      AND column_name NOT IN ('workflow_uuid', 'queue_partition_key')`,
  )
  return rows[0]!.columns
}

/** Fills a queue of the database, and spreads its workflows over so many partitions, where there are any. */
export const filling = (url: string) =>
  Effect.gen(function* () {
    const client = yield* Postgres.client(url)
    const enqueuing = yield* Effect.acquireRelease(
      Effect.promise(() => DBOSClient.create({ systemDatabaseUrl: url })),
      (made) => Effect.promise(() => made.destroy()),
    )
    return (queueName: string, count: number, partitions = 0) =>
      Effect.promise(async () => {
        const { workflowID } = await enqueuing.enqueue({
          workflowName: "noop",
          queueName,
          ...(partitions > 0 && { queuePartitionKey: "key-0" }),
        })
        const columns = await columnsOf(client)
        await client.query(
          `INSERT INTO dbos.workflow_status (workflow_uuid, queue_partition_key, ${columns})
          SELECT gen_random_uuid()::text, CASE WHEN $3::int > 0 THEN 'key-' || (n % $3::int) END, ${columns}
          FROM dbos.workflow_status, generate_series(1, $1::int) n WHERE workflow_uuid = $2`,
          [count - 1, workflowID, partitions],
        )
        await Postgres.tidy(client)
      })
  })
