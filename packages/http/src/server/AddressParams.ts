/** The parameters of a request's address, for an endpoint that checks them itself, since its errors are those of its protocol. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect } from "effect"

/** By their names. One that is empty is absent. */
export const all: Effect.Effect<
  Readonly<Record<string, string>>,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => {
  const start = url.indexOf("?")
  const params = new URLSearchParams(start === -1 ? "" : url.slice(start + 1))
  return Object.fromEntries(Array.from(params).filter(([, value]) => value !== ""))
})
