/** The one shape of every refusal. */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Data, Schema } from "effect"
import { as } from "../Wire.js"

/**
 * The body: `error` is for programs, `detail` for people. `field` names what was wrong with the request. The rest is
 * (ours), and lets a client distinguish verdicts: where the log is, how the run ended, what it waits for, how many messages were sent to it, which run works,
 * which revision and source a schedule has, or which limit takes no further run, and for how long.
 */
export const Body = Schema.Struct({
  error: Schema.String,
  detail: Schema.String,
  field: Schema.optional(Schema.String),
  latest_event_id: Schema.optional(Schema.Number),
  latest_external_event_sequence: Schema.optional(Schema.Number),
  status: Schema.optional(Schema.String),
  interrupt_id: Schema.optional(Schema.String),
  open_interrupt_ids: Schema.optional(Schema.Array(Schema.String)),
  inbox: Schema.optional(Schema.Number),
  run_id: Schema.optional(Schema.String),
  revision: Schema.optional(Schema.Number),
  source: Schema.optional(Schema.String),
  limit: Schema.optional(
    Schema.Struct({ name: Schema.String, key: Schema.String, max_pending: Schema.Number }),
  ),
  retry_after_seconds: Schema.optional(Schema.Number),
}).annotations({ identifier: "Refusal" })
export type Body = typeof Body.Type

/** A request that is not done. */
export class Refusal extends Data.TaggedError("Refusal")<{
  readonly httpStatus: number
  readonly body: Body
  readonly headers?: Readonly<Record<string, string>>
}> {
  override get message() {
    return this.body.detail
  }
}

export const make = (
  httpStatus: number,
  error: string,
  detail: string,
  rest: Omit<Body, "error" | "detail"> = {},
): Refusal => new Refusal({ httpStatus, body: { error, detail, ...rest } })

/** The header of a refusal whose token is missing or not valid. */
export const challenge = { "www-authenticate": "Bearer" } as const

/** A request whose token is not valid. */
export const unauthorized = (detail: string): Refusal =>
  new Refusal({ httpStatus: 401, body: { error: "unauthorized", detail }, headers: challenge })

/** A request over a limit, and how long the client must wait. */
export const tooMany = (detail: string, waitMillis: number): Refusal =>
  new Refusal({
    httpStatus: 429,
    body: { error: "too_many_requests", detail },
    headers: retryAfter(waitMillis),
  })

/** The header that says when to try again: whole seconds, at least one. */
export const retryAfter = (waitMillis: number): { readonly "retry-after": string } => ({
  "retry-after": String(Math.max(1, Math.ceil(waitMillis / 1000))),
})

const documented = (httpStatus: number, description: string) =>
  as<Refusal>()(Body, {
    decode: (body) => new Refusal({ httpStatus, body }),
    encode: (refusal) => refusal.body,
  }).annotations(HttpApiSchema.annotations({ status: httpStatus, description }))

export const BadRequest = documented(400, "The request is malformed, or a value in it is out of range")
export const Unauthorized = documented(401, "There is no token, or it is nobody's")
export const Forbidden = documented(403, "The token is right, but not for this, or the lease is not held")
export const NotFound = documented(404, "There is no such thing in the caller's project")
export const NotAcceptable = documented(406, "The client does not take the form of the answer")
export const Conflict = documented(409, "Something else is there already, or the run is not in that state")
export const Timeout = documented(408, "The body did not arrive in time")
export const Gone = documented(410, "What the address was for is over")
export const PreconditionFailed = documented(412, "There is a newer revision than `If-Match` names")
export const TooLarge = documented(413, "The body is too large")
export const UnsupportedMediaType = documented(415, "The body is not JSON")
export const Unprocessable = documented(422, "The request is well-formed, but not one that this server does")
export const UpgradeRequired = documented(
  426,
  "The address is that of a WebSocket, or the server cannot open one",
)
export const TooMany = documented(
  429,
  "The caller sends too many requests, or a limit takes no further run; `Retry-After` says when to try again",
)
export const Unavailable = documented(
  503,
  "The store is down, or the bodies of requests take all the memory that they may; `Retry-After` says when to try again",
)
