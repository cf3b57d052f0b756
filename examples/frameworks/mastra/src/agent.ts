import { Agent } from "@mastra/core/agent"
import { MastraLanguageModelV2Mock } from "@mastra/core/test-utils/llm-mock"
import { createTool } from "@mastra/core/tools"
import { z } from "zod"
import * as Shop from "../../src/shop.js"

/** The stand-in for a model, of Mastra's own testing. */
export const model = new MastraLanguageModelV2Mock({
  doGenerate: async ({ prompt }) => {
    const turn = await Shop.answer(prompt.filter(({ role }) => role === "tool").length)
    const usage = { inputTokens: 10, outputTokens: 1, totalTokens: 11 }
    if ("text" in turn) {
      return { content: [{ type: "text", text: turn.text }], finishReason: "stop", usage, warnings: [] }
    }
    const { callId, input, tool } = turn
    return {
      content: [{ type: "tool-call", toolCallId: callId, toolName: tool, input: JSON.stringify(input) }],
      finishReason: "tool-calls",
      usage,
      warnings: [],
    }
  },
})

export const makeTools = () => ({
  find_order: createTool({
    id: "find_order",
    description: "Finds an order.",
    inputSchema: z.object({ id: z.string() }),
    outputSchema: z.string(),
    execute: Shop.findOrder,
  }),
  refund: createTool({
    id: "refund",
    description: "Pays an order back.",
    inputSchema: z.object({ id: z.string(), euros: z.number() }),
    outputSchema: z.string(),
    requireApproval: true,
    execute: Shop.refund,
  }),
})

/** An agent as you have it, with the model and the tools that it uses: nothing in it is Runlease's. */
export const agentOf = (used: Pick<ConstructorParameters<typeof Agent>[0], "model" | "tools">) =>
  new Agent({ id: "desk", name: "desk", instructions: "You help at an order desk.", ...used })
