/** What the agents do. */
import { Child, Interrupts, Step } from "@runlease/core"
import { DateTime, Effect, Layer } from "effect"
import { Declined, OutOfStock, Price, Purchase, Stock } from "./agents.js"

const price = Price.toLayer(({ count, item }) => Effect.succeed(count * item.length * 250))

const stock = Stock.toLayer(({ count, item }) =>
  count > 20 ? new OutOfStock({ item }) : Effect.succeed({ warehouse: "north" }),
)

const purchase = Purchase.toLayer((item) =>
  Effect.gen(function* () {
    const children = [
      yield* Child.spawn("price", Price, item),
      yield* Child.spawn("stock", Stock, item),
    ] as const
    const [priced, stocked] = yield* Child.joinAll(children)
    const cents = yield* priced
    const { warehouse } = yield* stocked
    const yes = yield* Interrupts.approve("buy", {
      message: `Buy ${item.count} of ${item.item}?`,
      about: { euros: cents / 100, warehouse },
    })
    if (!yes) return yield* new Declined({ cents })
    return yield* Step.run(
      "order",
      Effect.map(DateTime.now, (boughtAt) => ({ order: `${warehouse}-${item.item}`, cents, boughtAt })),
      { schema: Purchase.successSchema },
    )
  }),
)

export const agents = Layer.mergeAll(price, stock, purchase)
