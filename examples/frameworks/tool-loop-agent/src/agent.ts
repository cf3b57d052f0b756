import { tool, type ToolLoopAgentSettings, type ToolSet } from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { z } from "zod"
import * as Shop from "../../src/shop.js"

/** The stand-in for a model, of the SDK's own testing. */
export const model = new MockLanguageModelV4({
  doGenerate: async ({ prompt }) => {
    const turn = await Shop.answer(prompt.filter(({ role }) => role === "tool").length)
    const usage = {
      inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 1, text: 1, reasoning: 0 },
    }
    if ("text" in turn) {
      return {
        content: [{ type: "text", text: turn.text }],
        finishReason: { unified: "stop", raw: "stop" },
        usage,
        warnings: [],
      }
    }
    const { callId, input, tool } = turn
    return {
      content: [{ type: "tool-call", toolCallId: callId, toolName: tool, input: JSON.stringify(input) }],
      finishReason: { unified: "tool-calls", raw: "tool_calls" },
      usage,
      warnings: [],
    }
  },
})

export const tools: ToolSet = {
  find_order: tool({
    description: "Finds an order.",
    inputSchema: z.object({ id: z.string() }),
    execute: Shop.findOrder,
  }),
  refund: tool({
    description: "Pays an order back.",
    inputSchema: z.object({ id: z.string(), euros: z.number() }),
    execute: Shop.refund,
  }),
}

/** The settings of an agent as you have them: nothing in them is Runlease's. */
export const settings: ToolLoopAgentSettings<never, ToolSet> = {
  model,
  instructions: "You help at an order desk.",
  tools,
  toolApproval: { refund: "user-approval" },
}
