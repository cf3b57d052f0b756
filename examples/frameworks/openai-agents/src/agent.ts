import { Agent, type ModelRequest, setTracingDisabled, tool, Usage } from "@openai/agents-core"
import { assistantMessage, functionCall, ScriptedModel, modelResponder } from "@openai/agents-core/testing"
import { z } from "zod"
import * as Shop from "../../src/shop.js"

// Traces go to OpenAI, which the stand-in has no key for.
setTracingDisabled(true)

const resultsOf = ({ input }: Readonly<ModelRequest>): number =>
  typeof input === "string" ? 0 : input.filter(({ type }) => type === "function_call_result").length

/** The stand-in for a model, of the SDK's own testing. Each answer adds the next one to its script. */
export const model = new ScriptedModel()

const next = modelResponder(async ({ request }) => {
  model.enqueue(next)
  const turn = await Shop.answer(resultsOf(request))
  const output =
    "text" in turn
      ? assistantMessage(turn.text)
      : functionCall(turn.tool, { ...turn.input }, { callId: turn.callId })
  return { output: [output], usage: new Usage() }
})
model.enqueue(next)

/** An agent as you have it: nothing in it is Runlease's. */
export const agent = new Agent({
  name: "desk",
  instructions: "You help at an order desk.",
  model,
  tools: [
    tool({
      name: "find_order",
      description: "Finds an order.",
      parameters: z.object({ id: z.string() }),
      execute: Shop.findOrder,
    }),
    tool({
      name: "refund",
      description: "Pays an order back.",
      parameters: z.object({ id: z.string(), euros: z.number() }),
      needsApproval: true,
      execute: Shop.refund,
    }),
  ],
})
