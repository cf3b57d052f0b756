/** What a handler reads of a request beside its schema. */
import type * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { TraceContext } from "@runlease/core"
import { Effect, Option, Schema } from "effect"
import { notWhole } from "./Bodies.js"

// The body of a request whose endpoint reads it itself, since the errors of its protocol are not those of this API.

/** The body as text, which is empty for none. */
export const text = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  Effect.mapError(request.text, () => notWhole),
)

/** The value of a text of JSON; none for another text. */
export const parse = Schema.decodeUnknownOption(Schema.parseJson())

// The parameters of a request's address, for an endpoint that checks them itself, since its errors are those of its protocol.

/** By their names. One that is empty is absent. */
export const params: Effect.Effect<
  Readonly<Record<string, string>>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => {
  const start = url.indexOf("?")
  const params = new URLSearchParams(start === -1 ? "" : url.slice(start + 1))
  return Object.fromEntries(Array.from(params).filter(([, value]) => value !== ""))
})

// The trace context of a request, as the run that it begins has it.

/** By `traceparent`; undefined where there is none. */
export const traceContext = (headers: Headers.Headers) =>
  Option.getOrUndefined(Option.map(HttpTraceContext.w3c(headers), TraceContext.ofSpan))
