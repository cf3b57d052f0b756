/** The agent of the desk with the OpenAI Agents SDK. */
import { Agent, setTracingDisabled, tool } from "@openai/agents-core"
import { OpenAIProvider } from "@openai/agents-openai"
import { OpenAIAgents } from "@runlease/openai-agents"
import { z } from "zod"
import type * as AdapterSuite from "../../ai-sdk/test/AdapterSuite.js"

setTracingDisabled(true)

/** The SDK's own client of chat completions. */
export const settingsAt = (baseURL: string): OpenAIAgents.Settings => ({
  runner: {
    modelProvider: new OpenAIProvider({ baseURL, apiKey: "none", useResponses: false }),
    modelSettings: { providerData: { stream_options: { include_usage: true } } },
    toolNotFoundBehavior: "return_error_to_model",
  },
  provider: "stand-in",
})

/** The agent of the desk. */
export const desk = ({ approval = false, made = [], refund }: AdapterSuite.DeskOptions = {}) => {
  const note = (name: string): void => {
    made.push({ name, key: OpenAIAgents.currentCall()?.idempotencyKey })
  }
  return new Agent({
    name: "desk",
    model: "stand-in",
    instructions: "You help at an order desk.",
    tools: [
      tool({
        name: "find_order",
        description: "Finds an order.",
        parameters: z.object({ id: z.string() }),
        execute: async ({ id }) => {
          note("find_order")
          return { order: id, euros: 40 }
        },
      }),
      tool({
        name: "refund",
        description: "Pays an order back.",
        parameters: z.object({ id: z.string(), euros: z.number() }),
        needsApproval: approval,
        execute: async ({ euros }) => {
          note("refund")
          return refund === undefined
            ? `${euros} EUR refunded`
            : refund(OpenAIAgents.currentCall()?.idempotencyKey)
        },
      }),
    ],
  })
}
