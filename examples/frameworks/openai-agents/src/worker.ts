import { type FunctionTool, type Model, run, Usage } from "@openai/agents"
import { PromiseSteps, RequestSnapshot, type Run } from "@runlease/core"
import { Schema } from "effect"
import * as Desk from "./agent.js"

/** Each answer of the model is a step. */
const recordedModel = (steps: PromiseSteps.PromiseSteps, model: Model): Model => {
  let calls = 0
  return {
    getResponse: async (request) => {
      const key = (calls += 1)
      const options = { key, schema: Schema.Any }
      const response = await steps.step("model", () => model.getResponse(request), options)
      return { ...response, usage: new Usage(response.usage) }
    },
    getStreamedResponse: () => {
      throw new Error("A streamed answer is no step: call run without stream")
    },
  }
}

/** Each call of a tool is a step. */
const recordedTool = (steps: PromiseSteps.PromiseSteps, tool: FunctionTool): FunctionTool => ({
  ...tool,
  invoke: (context, input, details) =>
    steps.step(tool.name, () => tool.invoke(context, input, details), { key: details?.toolCall?.callId }),
})

export default (claimed: Run.ClaimedRun) =>
  PromiseSteps.run(async (steps, signal) => {
    const agent = Desk.agent.clone({
      model: recordedModel(steps, Desk.model),
      tools: Desk.agent.tools.map((tool) => (tool.type === "function" ? recordedTool(steps, tool) : tool)),
    })
    let result = await run(agent, RequestSnapshot.lastUserText(claimed.snapshot), { signal })
    while (result.interruptions.length > 0) {
      const { interruptions, state } = result
      // Each approval that the agent waits for is a question of the run.
      const answers = interruptions.map(async (item) => {
        const { arguments: input, name } = item
        const about = input === undefined ? undefined : JSON.parse(input)
        const callId = "callId" in item.rawItem ? item.rawItem.callId : item.rawItem.id
        const question = { message: `May ${name} be called?`, about, key: callId }
        const { approved, reason } = await steps.decide("approval", question)
        if (approved) state.approve(item)
        else state.reject(item, reason === undefined ? {} : { message: reason })
      })
      await Promise.all(answers)
      result = await run(agent, state, { signal })
    }
    return String(result.finalOutput)
  })
