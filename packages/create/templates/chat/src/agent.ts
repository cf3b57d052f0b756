/** The agent of the page: a model, and a tool whose calls a person approves. */
import { Tool, Toolkit } from "@effect/ai"
import { AiExecutor, AiModel, AiTool } from "@runlease/executor-ai"
import { Config, Effect, Layer, Option, Schema } from "effect"
import * as StandIn from "./StandIn.js"

const Refund = Tool.make("refund", {
  description: "Pays money back to the customer.",
  parameters: { euros: Schema.Int },
  success: Schema.String,
}).annotate(AiTool.NeedsApproval, true)

const toolkit = Toolkit.make(Refund)

const tools = toolkit.toLayer({ refund: ({ euros }) => Effect.succeed(`${euros} EUR are on their way`) })

/** The model that MODEL names, such as `anthropic:claude-sonnet-4-5`; else the stand-in, which needs no key. */
const model = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.nonEmptyString("MODEL")),
    Option.match({ onNone: () => StandIn.model, onSome: (name) => AiModel.fromName(name) }),
  ),
)

export default AiExecutor.layerWith({
  system: "You help at an order desk, in one short sentence.",
  toolkit,
}).pipe(Layer.provide([tools, model]))
