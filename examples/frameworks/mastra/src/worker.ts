import { Mastra } from "@mastra/core"
import { InMemoryStore } from "@mastra/core/storage"
import type { Tool } from "@mastra/core/tools"
import { PromiseSteps, RequestSnapshot, type Run } from "@runlease/core"
import { Schema } from "effect"
import * as Desk from "./agent.js"

type Steps = PromiseSteps.PromiseSteps
type Model = typeof Desk.model

/** Each answer of the model is a step. */
const recordedModel = (steps: Steps, model: Model) => {
  let calls = 0
  const { modelId, provider, specificationVersion, supportedUrls } = model
  const answer = async (options: Parameters<Model["doGenerate"]>[0]) => {
    const { content, finishReason, providerMetadata, usage, warnings } = await model.doGenerate(options)
    return {
      content,
      finishReason,
      usage,
      warnings,
      ...(providerMetadata === undefined ? {} : { providerMetadata }),
    }
  }
  return {
    modelId,
    provider,
    specificationVersion,
    supportedUrls,
    doGenerate: (options: Parameters<Model["doGenerate"]>[0]) =>
      steps.step("model", () => answer(options), { key: (calls += 1), schema: Schema.Any }),
    doStream: (): never => {
      throw new Error("A streamed answer is no step: call generate")
    },
  }
}

/** Makes each call of a tool a step. */
const recordedTool = <In, Out>(steps: Steps, tool: Tool<In, Out>): Tool<In, Out> => {
  const { execute } = tool
  tool.execute = (input, context) => {
    const options = { key: context.agent?.toolCallId, schema: Schema.Any }
    return steps.step(tool.id, async () => execute?.(input, context), options)
  }
  return tool
}

export default (claimed: Run.ClaimedRun) =>
  PromiseSteps.run(async (steps, abortSignal) => {
    const { find_order, refund } = Desk.makeTools()
    const desk = Desk.agentOf({
      model: recordedModel(steps, Desk.model),
      tools: { find_order: recordedTool(steps, find_order), refund: recordedTool(steps, refund) },
    })
    // The snapshots of one attempt: a later attempt comes by them again, past the steps that are recorded.
    const mastra = new Mastra({ agents: { desk }, storage: new InMemoryStore(), logger: false })
    const agent = mastra.getAgent("desk")
    let output = await agent.generate(RequestSnapshot.lastUserText(claimed.snapshot), { abortSignal })
    while (output.finishReason === "suspended") {
      const { runId, suspendPayload } = output
      const { args: about, toolCallId, toolName } = suspendPayload
      // Each approval that the agent waits for is a question of the run.
      const question = { message: `May ${toolName} be called?`, about, key: toolCallId }
      const resume = { runId: runId ?? "", toolCallId, abortSignal }
      output = (await steps.approve("approval", question))
        ? await agent.approveToolCallGenerate(resume)
        : await agent.declineToolCallGenerate(resume)
    }
    if (output.error !== undefined) throw output.error
    return output.text
  })
