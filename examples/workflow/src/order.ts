import { DurableDeferred, Workflow } from "@effect/workflow"
import { Schema } from "effect"

export class OutOfStock extends Schema.TaggedError<OutOfStock>("OutOfStock")("OutOfStock", {
  item: Schema.String,
}) {}

/** An order, which gives the number of its parcel. Its id tells it from others. */
export const Order = Workflow.make({
  name: "Order",
  payload: { id: Schema.String, item: Schema.String, count: Schema.Int },
  success: Schema.String,
  error: OutOfStock,
  idempotencyKey: ({ id }) => id,
})

/** Somebody has looked at the order, and gives their name. */
export const Approval = DurableDeferred.make("Approval", { success: Schema.String })
