/**
 * An agent of Restate: a handler whose answers of the model, notes and tool calls are steps (`ctx.run`). Its deltas go to a topic of
 * Restate's library for streaming.
 *
 * That documentation publishes whole messages, and says that streaming token by token is not supported yet. Here what arrives while
 * a message is published goes into the next one. `publish` of the library's client ends when a message is accepted, so messages
 * would wait before a busy topic for seconds; a call of the topic's handler ends when the message is there.
 *
 * Source: https://docs.restate.dev/ai/patterns/streaming-responses, https://github.com/restatedev/pubsub,
 * https://github.com/restatedev/ai-examples/tree/main/vercel-ai/nextjs-example-app
 */
import { createPubsubObject } from "@restatedev/pubsub"
import { createPubsubClient } from "@restatedev/pubsub-client"
import { service, type Context } from "@restatedev/restate-sdk"
import { connect } from "@restatedev/restate-sdk-clients"
import { Effect } from "effect"
import * as Conversation from "../src/agent/Conversation.js"
import * as Model from "../src/agent/Model.js"
import type { Item } from "../src/agent/Viewing.js"
import { main } from "../src/contenders/Contender.js"
import * as RestateEndpoint from "./RestateEndpoint.js"
import { pubsub, type Submission } from "./RestateTopics.js"

const topics = createPubsubObject(pubsub, {})

export interface Options {
  readonly admin: string
  readonly ingress: string
  /** The URL of the model. */
  readonly model: string
  /** The port of the services, the same for a worker that replaces another. */
  readonly port: number
}

/** Sends items in their order, and those that come meanwhile in the next message. */
const makePublisher = (send: (items: ReadonlyArray<Item>) => PromiseLike<unknown>) => {
  let waiting: Array<Item> = []
  let sending: Promise<void> | undefined
  const sendAll = async () => {
    while (waiting.length > 0) {
      const items = waiting
      waiting = []
      await send(items)
    }
    sending = undefined
  }
  return {
    add: (item: Item): void => {
      waiting.push(item)
      sending ??= sendAll()
      // `flush` reports the failure.
      sending.catch(() => {})
    },
    /** All items are published. */
    flush: async (): Promise<void> => sending,
  }
}

const makeAgent = ({ ingress: url, model }: Options) => {
  const ingress = connect({ url })
  const client = createPubsubClient(ingress, { name: pubsub })

  const publishing = async <A>(
    topic: string,
    work: (publish: (item: Item) => void) => A | Promise<A>,
  ): Promise<A> => {
    const publisher = makePublisher((items) =>
      ingress.objectClient<typeof topics>({ name: pubsub }, topic).publish(items),
    )
    const result = await work(publisher.add)
    await publisher.flush()
    return result
  }

  return service({
    name: "agent",
    handlers: {
      run: async (context: Context, { messages: opening, topic }: Submission): Promise<void> => {
        const answer = (messages: Submission["messages"], number: number) =>
          context.run("answer", () =>
            publishing(topic, async (publish) => {
              publish({ type: "answer", number })
              const asked = Model.ask(model, messages)
              for await (const text of asked.deltas) publish({ type: "delta", text })
              return asked.answer()
            }),
          )
        const weather = (call: Conversation.ToolCall, note: Conversation.Note) =>
          context.run("weather", () =>
            publishing(topic, (publish) => {
              const result = Conversation.weather(call, note)
              publish({ type: "tool", name: "weather", result })
              return result
            }),
          )
        let messages = opening
        for (let number = 0; ; number += 1) {
          const said = await answer(messages, number)
          if (said.call === null) break
          const note = await context.run("note", () => Conversation.noteOf(said))
          messages = Conversation.continued(messages, said, await weather(said.call, note))
        }
        // The key makes it one message, whatever is repeated.
        await client.publish(topic, [{ type: "end" }], context.rand.uuidv4())
      },
    },
  })
}

export type Agent = ReturnType<typeof makeAgent>

main<Options>((options) =>
  Effect.as(RestateEndpoint.serve(options.admin, [makeAgent(options), topics], options.port), {}),
)
