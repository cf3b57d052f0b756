import { tool, type ToolLoopAgentSettings, type ToolSet } from "ai"
import { MockLanguageModelV4, simulateReadableStream } from "ai/test"
import { z } from "zod"
import * as Shop from "../../src/shop.js"

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}

type Parts =
  Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer Part>
    ? Array<Part>
    : never

/** An answer as it comes: a call of a tool, or text in words. */
const partsOf = (turn: Shop.Turn): Parts => {
  if ("text" in turn) {
    return [
      { type: "text-start", id: "1" },
      ...turn.text.split(/(?<= )/).map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
      { type: "text-end", id: "1" },
      { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage },
    ]
  }
  const { callId, input, tool } = turn
  return [
    { type: "tool-call", toolCallId: callId, toolName: tool, input: JSON.stringify(input) },
    { type: "finish", finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage },
  ]
}

/** The stand-in for a model, of the SDK's own testing. */
export const model = new MockLanguageModelV4({
  doStream: async ({ prompt }) => {
    const turn = await Shop.answer(prompt.filter(({ role }) => role === "tool").length)
    return { stream: simulateReadableStream({ chunks: partsOf(turn) }) }
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
