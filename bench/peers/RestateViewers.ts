/**
 * Sends requests to an agent of Restate, and views its topics by Restate's library for streaming, which pulls. By default it waits a
 * second between two pulls.
 *
 * Source: https://docs.restate.dev/ai/patterns/streaming-responses, https://docs.restate.dev/ai/patterns/chat-ui-integration
 */
import { createPubsubClient } from "@restatedev/pubsub-client"
import { connect, rpc } from "@restatedev/restate-sdk-clients"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { main } from "../src/agent/Viewers.js"
import * as Viewing from "../src/agent/Viewing.js"
import type { Agent, Options as AgentOptions } from "./RestateAgent.js"
import { pubsub } from "./RestateTopics.js"

export type Options = Pick<AgentOptions, "ingress">

main<Options>(({ ingress: url }) =>
  Effect.sync(() => {
    const ingress = connect({ url })
    const client = createPubsubClient({ url, name: pubsub, pullInterval: { milliseconds: 1 } })
    const sent = new Map<string, Promise<unknown>>()
    return {
      submit: async (messages) => {
        const topic = randomUUID()
        const send = await ingress
          .serviceSendClient<Agent>({ name: "agent" })
          .run({ topic, messages }, rpc.sendOpts({ idempotencyKey: topic }))
        sent.set(topic, ingress.result(send))
        return topic
      },
      view: async (topic, viewing) => {
        const take = Viewing.items(viewing)
        const stop = new AbortController()
        for await (const items of client.pull({ topic, offset: 0, signal: stop.signal })) {
          if ((items as ReadonlyArray<Viewing.Item>).some(take)) break
        }
        stop.abort()
      },
      // It has a result once it has ended.
      isCompleted: async (topic) => {
        await sent.get(topic)
        return true
      },
    }
  }),
)
