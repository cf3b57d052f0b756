/** The agents of this example: what their workers, their parents and their submitters share. */
import { Agent } from "@runlease/core"
import { Schema } from "effect"

export class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}

export class Declined extends Schema.TaggedError<Declined>()("Declined", { cents: Schema.Int }) {}

const Item = { item: Schema.NonEmptyString, count: Schema.Int.pipe(Schema.positive()) }

export const Price = Agent.make({ name: "price", payload: Item, success: Schema.Int })

export const Stock = Agent.make({
  name: "stock",
  payload: Item,
  success: Schema.Struct({ warehouse: Schema.String }),
  error: OutOfStock,
})

export const Purchase = Agent.make({
  name: "purchase",
  payload: Item,
  success: Schema.Struct({ order: Schema.String, cents: Schema.Int, boughtAt: Schema.DateTimeUtc }),
  error: Schema.Union(OutOfStock, Declined),
})
