/** What a run of the bank does. `pauses`: whether its first attempt stops for a moment between its two halves. */
import { Schema } from "effect"

export const Transfer = Schema.Struct({
  from: Schema.Number,
  to: Schema.Number,
  amount: Schema.Number,
  pauses: Schema.optional(Schema.Boolean),
})
export type Transfer = typeof Transfer.Type

/** What a worker prints when it is between the two halves of such a transfer. */
export const pauseLine = "between the halves"

/** What a worker prints when it has done a transfer. */
export const workLine = "works"
