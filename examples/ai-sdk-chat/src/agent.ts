import { Tool, Toolkit } from "@effect/ai"
import { AiExecutor, AiTool } from "@runlease/executor-ai"
import { Effect, Layer, Schema } from "effect"

/** A tool of the worker. A person must approve each call; meanwhile the run waits, and no worker holds it. */
const Refund = Tool.make("refund", {
  description: "Pays money back to the customer.",
  parameters: { euros: Schema.Int },
  success: Schema.String,
}).annotate(AiTool.NeedsApproval, true)

const toolkit = Toolkit.make(Refund)

/** The executor of the agent. It needs a model. */
export const layer = AiExecutor.layerWith({
  system: "You help at an order desk, in one short sentence.",
  toolkit,
}).pipe(
  Layer.provide(toolkit.toLayer({ refund: ({ euros }) => Effect.succeed(`${euros} EUR are on their way`) })),
)
