import { Executor, Executors, Interrupts, RequestSnapshot } from "@runlease/core"
import { AiExecutor, AiModel } from "@runlease/executor-ai"
import { Config, Effect, Layer, Option } from "effect"

/** The model that MODEL names, at MODEL_BASE_URL where it is not the provider's own. */
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

/** Pays back what a person agrees to. While the person thinks, no worker holds the run. */
const refund = Executors.make((run) =>
  Effect.gen(function* () {
    const amount = /\d+/.exec(RequestSnapshot.lastUserText(run.snapshot))?.[0] ?? "0"
    const yes = yield* Interrupts.approve(run, { id: "refund", message: `Refund ${amount} EUR?` })
    return yes ? `Refunded ${amount} EUR.` : `Kept the ${amount} EUR.`
  }),
)

/** The executor of `runlease worker --module`. */
export default Layer.effect(
  Executor.Executor,
  Effect.gen(function* () {
    const chat = yield* AiExecutor.make({ system: "You answer in one short sentence." })
    return {
      execute: (run) =>
        /refund/i.test(RequestSnapshot.lastUserText(run.snapshot)) ? refund(run) : chat.execute(run),
    }
  }),
).pipe(Layer.provide(model))
