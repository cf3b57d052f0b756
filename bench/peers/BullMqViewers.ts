/**
 * Adds agents to a queue of BullMQ, and views their streams in Redis, each by a connection of its own that waits for the next items.
 *
 * Source: https://redis.io/docs/latest/commands/xread
 */
import { Queue } from "bullmq"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { main } from "../src/agent/Viewers.js"
import * as Viewing from "../src/agent/Viewing.js"
import type { Options as AgentOptions } from "./BullMqAgent.js"
import { type Data, streamOf } from "./BullMqData.js"

export type Options = Pick<AgentOptions, "name" | "port">

/** An item from its fields, each behind its name. */
const itemOf = (fields: ReadonlyArray<string>): Viewing.Item =>
  Object.fromEntries(
    Array.from({ length: fields.length / 2 }, (_, index) => [fields[2 * index], fields[2 * index + 1]]),
  )

/** Bytes of the keys that begin with the name. */
const storedBy = async (redis: Redis, name: string): Promise<number> => {
  const keys = [...(await redis.keys(`bull:${name}:*`)), ...(await redis.keys(`${name}:*`))]
  const sizes = await Promise.all(keys.map((key) => redis.memory("USAGE", key, "SAMPLES", 0)))
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}

main<Options>(({ name, port }) =>
  Effect.gen(function* () {
    const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
    const queue = new Queue<Data>(name, { connection })
    const redis = new Redis(connection)
    yield* Effect.promise(() => queue.waitUntilReady())

    const view = async (job: string, viewing: Viewing.Viewing): Promise<void> => {
      const take = Viewing.items(viewing)
      const stream = streamOf(name, job)
      const reading = redis.duplicate()
      let last = "0"
      for (let ended = false; !ended;) {
        const read = await reading.xread("BLOCK", 0, "STREAMS", stream, last)
        for (const [id, fields] of read?.[0]?.[1] ?? []) {
          last = id
          ended = take(itemOf(fields))
        }
      }
      reading.disconnect()
    }

    return {
      submit: async (messages) => {
        const { id } = await queue.add("agent", { messages, step: "answer", answers: 0 })
        return id!
      },
      view,
      isCompleted: async (job) => (await queue.getJobState(job)) === "completed",
      stored: () => storedBy(redis, name),
    }
  }),
)
