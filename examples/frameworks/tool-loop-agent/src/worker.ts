import { PromiseSteps, RequestSnapshot, type Run } from "@runlease/core"
import {
  type LanguageModelMiddleware,
  type ModelMessage,
  ToolLoopAgent,
  type ToolSet,
  wrapLanguageModel,
} from "ai"
import { Schema } from "effect"
import * as Desk from "./agent.js"

/** Each answer of the model is a step. */
const recordedAnswers = (steps: PromiseSteps.PromiseSteps): LanguageModelMiddleware => {
  let calls = 0
  return {
    specificationVersion: "v4",
    wrapGenerate: ({ doGenerate }) => {
      const key = (calls += 1)
      return steps.step("model", () => doGenerate(), { key, schema: Schema.Any })
    },
    wrapStream: () => {
      throw new Error("A streamed answer is no step: call generate")
    },
  }
}

/** Each call of a tool is a step. */
const recordedTools = (steps: PromiseSteps.PromiseSteps, tools: ToolSet): ToolSet =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      const { execute } = tool
      if (execute === undefined) return [name, tool]
      const recorded: typeof execute = (input, options) =>
        steps.step(name, async () => execute(input, options), {
          key: options.toolCallId,
          schema: Schema.Any,
        })
      return [name, { ...tool, execute: recorded }]
    }),
  )

export default (claimed: Run.ClaimedRun) =>
  PromiseSteps.run(async (steps, abortSignal) => {
    const agent = new ToolLoopAgent({
      ...Desk.settings,
      model: wrapLanguageModel({ model: Desk.model, middleware: recordedAnswers(steps) }),
      tools: recordedTools(steps, Desk.tools),
    })
    const messages: Array<ModelMessage> = [
      { role: "user", content: RequestSnapshot.lastUserText(claimed.snapshot) },
    ]
    for (;;) {
      const { content, responseMessages, text } = await agent.generate({ messages, abortSignal })
      const requests = content.filter((part) => part.type === "tool-approval-request")
      if (requests.length === 0) return text
      // Each approval that the agent waits for is a question of the run.
      const responses = requests.map(async ({ approvalId, toolCall }) => {
        const { input: about, toolCallId: key, toolName } = toolCall
        const question = { message: `May ${toolName} be called?`, about, key }
        const decision = await steps.decide("approval", question)
        return { type: "tool-approval-response" as const, approvalId, ...decision }
      })
      messages.push(...responseMessages, { role: "tool", content: await Promise.all(responses) })
    }
  })
