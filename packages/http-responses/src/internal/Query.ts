/** The parameters of an address, checked so that an error names them as OpenAI does. */
import * as RawRequest from "@runlease/http/face/RawRequest"
import { Effect, Schema } from "effect"
import { decode } from "./Protocol.js"

const integer = (from: number, to: number) =>
  Schema.NumberFromString.pipe(Schema.compose(Schema.Int), Schema.between(from, to))

const Read = Schema.Struct({
  stream: Schema.optional(Schema.BooleanFromString),
  starting_after: Schema.optional(integer(0, Number.MAX_SAFE_INTEGER)),
})

/** How a response is read. `startingAfter`: the last event that the client has, -1 for none. */
export const read = Effect.flatMap(RawRequest.params, (params) =>
  Effect.map(decode(Read, params, ""), ({ starting_after, stream }) => ({
    stream: stream ?? false,
    startingAfter: starting_after ?? -1,
  })),
)

const Page = Schema.Struct({
  after: Schema.optional(Schema.String),
  limit: Schema.optionalWith(integer(1, 100), { default: () => 20 }),
  order: Schema.optionalWith(Schema.Literal("asc", "desc"), { default: () => "desc" as const }),
})
export type Page = typeof Page.Type

/** Which items of a list are wanted. */
export const page = Effect.flatMap(RawRequest.params, (params) => decode(Page, params, ""))
