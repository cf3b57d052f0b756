import { type AIMessage, mapStoredMessageToChatMessage, type StoredMessage } from "@langchain/core/messages"
import { type StructuredToolInterface, tool } from "@langchain/core/tools"
import { Command, isInterrupted, INTERRUPT, MemorySaver } from "@langchain/langgraph"
import { PromiseSteps, RequestSnapshot, type Run } from "@runlease/core"
import { Schema } from "effect"
import * as Desk from "./agent.js"

/** Each answer of the model is a step, which records the message in LangChain's own form of JSON. */
const recordedModel = (steps: PromiseSteps.PromiseSteps): typeof Desk.callModel => {
  let calls = 0
  return async (messages) => {
    const options = { key: (calls += 1), schema: Schema.Any }
    const stored: StoredMessage = await steps.step(
      "model",
      async () => (await Desk.callModel(messages)).toDict(),
      options,
    )
    return mapStoredMessageToChatMessage(stored) as AIMessage
  }
}

/** Each call of a tool is a step. */
const recordedTool = (steps: PromiseSteps.PromiseSteps, inner: StructuredToolInterface) =>
  tool(
    (input, config) => {
      const options = { key: config.toolCall.id, schema: Schema.Any }
      return steps.step(inner.name, () => inner.invoke(input), options)
    },
    { name: inner.name, description: inner.description, schema: inner.schema },
  )

export default (claimed: Run.ClaimedRun) =>
  PromiseSteps.run(async (steps, signal) => {
    const tools = Desk.tools.map((one) => recordedTool(steps, one))
    // The checkpoints of one attempt: a later attempt comes by them again, past the steps that are recorded.
    const graph = Desk.graphOf(recordedModel(steps), tools).compile({ checkpointer: new MemorySaver() })
    const config = { configurable: { thread_id: claimed.runId }, signal }
    const first = { messages: [{ role: "user", content: RequestSnapshot.lastUserText(claimed.snapshot) }] }
    let state = await graph.invoke(first, config)
    while (isInterrupted<Desk.Question>(state)) {
      const calls = state[INTERRUPT].flatMap(({ value }) => value?.calls ?? [])
      // Each approval that the graph waits for is a question of the run.
      const answers = calls.map(async ({ args: about, id: key, name }) => {
        const question = { message: `May ${name} be called?`, about, key }
        return [key, await steps.decide("approval", question)] as const
      })
      const resume = Object.fromEntries(await Promise.all(answers))
      state = await graph.invoke(new Command({ resume }), config)
    }
    return state.messages.at(-1)?.text ?? ""
  })
