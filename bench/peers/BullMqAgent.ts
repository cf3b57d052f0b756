/**
 * An agent in BullMQ: a job, whose steps are in its data, so that a stalled job goes on behind those that are done. Its deltas are
 * in a stream of Redis.
 *
 * Source: https://docs.bullmq.io/patterns/process-step-jobs, https://docs.bullmq.io/guide/workers/stalled-jobs,
 * https://redis.io/learn/howtos/solutions/streams/streaming-llm-output
 */
import { type Job, Worker } from "bullmq"
import { Effect } from "effect"
import { Redis } from "ioredis"
import * as Conversation from "../src/agent/Conversation.js"
import * as Model from "../src/agent/Model.js"
import type { Item } from "../src/agent/Viewing.js"
import { main } from "../src/contenders/Contender.js"
import { type Data, streamOf } from "./BullMqData.js"

export interface Options {
  readonly port: number
  /** The name of the queue. */
  readonly name: string
  /** The URL of the model. */
  readonly model: string
  readonly concurrency: number
  /** How long a worker has a job without a word of it, in seconds. */
  readonly lease: number
}

main<Options>(({ concurrency, lease, model, name, port }) =>
  Effect.gen(function* () {
    const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
    const redis = new Redis({ ...connection })

    const execute = async (job: Job<Data>): Promise<void> => {
      const stream = streamOf(name, job.id!)
      const publish = (item: Item) => redis.xadd(stream, "*", ...Object.entries(item).flat())

      const answer = async ({ answers, messages }: Data): Promise<Conversation.Answer> => {
        await publish({ type: "answer", number: answers })
        const asked = Model.ask(model, messages)
        for await (const text of asked.deltas) await publish({ type: "delta", text })
        return asked.answer()
      }
      const weather = async ({ note, said }: Data): Promise<string> => {
        const result = Conversation.weather(said!.call!, note!)
        await publish({ type: "tool", name: "weather", result })
        return result
      }

      for (;;) {
        const { data } = job
        switch (data.step) {
          case "answer": {
            const said = await answer(data)
            const step = said.call === null ? "end" : "note"
            await job.updateData({ ...data, answers: data.answers + 1, said, step })
            break
          }
          case "note":
            await job.updateData({ ...data, note: Conversation.noteOf(data.said!), step: "weather" })
            break
          case "weather": {
            const messages = Conversation.continued(data.messages, data.said!, await weather(data))
            await job.updateData({ messages, answers: data.answers, step: "answer" })
            break
          }
          case "end":
            await publish({ type: "end" })
            return
        }
      }
    }

    yield* Effect.promise(async () => {
      const worker = new Worker<Data>(name, execute, {
        connection,
        concurrency,
        lockDuration: lease * 1000,
        // As often as our leases are renewed.
        stalledInterval: Math.floor((lease * 1000) / 3),
      })
      worker.on("error", () => {})
      await worker.waitUntilReady()
    })
    return {}
  }),
)
