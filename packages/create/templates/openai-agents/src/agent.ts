/** The agent: an Agent of the OpenAI Agents SDK, and what its tools may do. */
import { Agent, tool } from "@openai/agents-core"
import { OpenAIAgents } from "@runlease/openai-agents"
import { z } from "zod"
import { model } from "./model.js"

const find_order = tool({
  name: "find_order",
  description: "Finds an order by its number.",
  parameters: z.object({ order: z.string() }),
  execute: async ({ order }) => ({ order, euros: 40, item: "a lamp" }),
})

const refund = tool({
  name: "refund",
  description: "Pays money back to the customer.",
  parameters: z.object({ order: z.string(), euros: z.number() }),
  // The run waits here for a person, and no worker holds it.
  needsApproval: true,
  execute: async ({ euros }) => `${euros} EUR are on their way`,
})

const desk = new Agent({
  name: "desk",
  model,
  instructions: "You help at an order desk, in one short sentence.",
  tools: [find_order, refund],
})

// Each answer and each call is recorded: a worker that takes a run over does not pay for it again.
export default OpenAIAgents.agent(desk, {
  // Finding an order may happen twice. A refund is atMostOnce, as each tool that is not named here.
  sideEffects: { find_order: "pure" },
})
