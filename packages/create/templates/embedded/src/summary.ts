/** The agent, and a stand-in for its model. */
import { Agent, Step } from "@runlease/core"
import { Effect, Schema } from "effect"

export const Payload = Schema.Struct({ text: Schema.NonEmptyString })

export const Summary = Agent.make({
  name: "summary",
  payload: Payload,
  success: Schema.String,
})

/** Gives the first sentence, and needs no key. README.md shows a real model. */
const summarise = (text: string) => Effect.succeed(/^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text)

/** The executor of the agent, for a worker. The answer of the model is recorded, so it is paid for once. */
export const agent = Summary.toLayer(({ text }) => Step.run("summarise", summarise(text)))
