/** The agent of the desk with the AI SDK. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { AiSdk } from "@runlease/ai-sdk"
import { tool, type ToolSet } from "ai"
import { z } from "zod"
import type { Made } from "./AdapterDesk.js"

export * from "./AdapterDesk.js"

export const modelAt = (url: string) => {
  const provider = createOpenAICompatible({
    name: "stand-in",
    baseURL: url,
    apiKey: "none",
    includeUsage: true,
  })
  return provider.chatModel("stand-in")
}

export const tools = (
  made: Array<Made>,
  pay: (key: string | undefined, euros: number) => Promise<string> = async (_, euros) =>
    `${euros} EUR refunded`,
) => {
  const note = (name: string) => void made.push({ name, key: AiSdk.currentCall()?.idempotencyKey })
  return {
    find_order: tool({
      description: "Finds an order.",
      inputSchema: z.object({ id: z.string() }),
      execute: async ({ id }) => {
        note("find_order")
        return { order: id, euros: 40 }
      },
    }),
    refund: tool({
      description: "Pays an order back.",
      inputSchema: z.object({ id: z.string(), euros: z.number() }),
      execute: async ({ euros }) => {
        note("refund")
        return pay(AiSdk.currentCall()?.idempotencyKey, euros)
      },
    }),
  } satisfies ToolSet
}
