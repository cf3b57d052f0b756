import { Tool, Toolkit } from "@effect/ai"
import { AiExecutor, AiModel, AiTool } from "@runlease/executor-ai"
import { Config, Effect, Layer, Option, Schema } from "effect"

/** The model that MODEL names, at MODEL_BASE_URL if that is set. */
const model = Layer.unwrapEffect(
  Effect.gen(function* () {
    const name = yield* Config.string("MODEL")
    const baseUrl = yield* Config.option(Config.string("MODEL_BASE_URL"))
    return AiModel.fromName(
      name,
      Option.match(baseUrl, { onNone: () => ({}), onSome: (url) => ({ baseUrl: url }) }),
    )
  }),
)

/** A tool of the worker. A person must approve each call; meanwhile the run waits, and no worker holds it. */
const Refund = Tool.make("refund", {
  description: "Pays money back to the customer.",
  parameters: { euros: Schema.Int },
  success: Schema.String,
}).annotate(AiTool.NeedsApproval, true)

const toolkit = Toolkit.make(Refund)

/** The executor of `runlease worker --module`. The tools of the page come with each request. */
export default AiExecutor.layerWith({
  system: "You help at an order desk, in one short sentence.",
  toolkit,
}).pipe(
  Layer.provide(toolkit.toLayer({ refund: ({ euros }) => Effect.succeed(`${euros} EUR are on their way`) })),
  Layer.provide(model),
)
