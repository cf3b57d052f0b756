/** The agent: the settings of a ToolLoopAgent of the AI SDK, and what its tools may do. */
import { AiSdk } from "@runlease/ai-sdk"
import { tool } from "ai"
import { z } from "zod"
import { model } from "./model.js"

const find_order = tool({
  description: "Finds an order by its number.",
  inputSchema: z.object({ order: z.string() }),
  execute: async ({ order }) => ({ order, euros: 40, item: "a lamp" }),
})

const refund = tool({
  description: "Pays money back to the customer.",
  inputSchema: z.object({ order: z.string(), euros: z.number() }),
  execute: async ({ euros }) => `${euros} EUR are on their way`,
})

// Each answer and each call is recorded: a worker that takes a run over does not pay for it again.
export default AiSdk.agent({
  model,
  instructions: "You help at an order desk, in one short sentence.",
  tools: { find_order, refund },
  // The run waits here for a person, and no worker holds it.
  toolApproval: { refund: "user-approval" },
  // Finding an order may happen twice. A refund is atMostOnce, as each tool that is not named here.
  sideEffects: { find_order: "pure" },
})
