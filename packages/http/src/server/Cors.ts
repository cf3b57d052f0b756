/** Lets pages of other origins call the API from a browser (CORS). */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect } from "effect"
import { epochHeader, workerHeader } from "../Api/Fence.js"
import * as Refusal from "../contract/Refusal.js"
import * as SameOrigin from "./SameOrigin.js"

// The pages whose scripts may use an address that a page of any name could reach by DNS rebinding.
//
// Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security-endpoint

/** The origins that may call the API from a browser, `*` for any; none when absent. */
export class AllowedOrigins extends Context.Reference<AllowedOrigins>()(
  "@runlease/http/server/AllowedOrigins",
  { defaultValue: (): ReadonlyArray<string> => [] },
) {}

/** Names of this machine, which no other machine's DNS can give away. */
const loopback: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"])

const refused = (origin: string): Refusal.Refusal =>
  Refusal.make(
    403,
    "origin_refused",
    `Pages of ${origin.slice(0, 200)} may not use this address: start the server with that origin among its CORS origins`,
  )

/**
 * Refuses a request of a page, unless its origin is allowed or it is a page of this server by a name of this machine. A program that is no
 * browser names no origin.
 */
export const check = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void, Refusal.Refusal> =>
  Effect.flatMap(AllowedOrigins, (origins) => {
    const origin = request.headers["origin"]
    if (origin === undefined) return Effect.void
    const own = SameOrigin.ownOrigin(request)
    const isAllowed =
      origins.some((allowed) => allowed === "*" || allowed.toLowerCase() === origin.toLowerCase()) ||
      (own !== undefined && loopback.has(own.hostname))
    return isAllowed ? Effect.void : Effect.fail(refused(origin))
  })

/** The headers that a page may send. A token goes in a separate header, so no cookie and no credentials of the browser are needed. */
const allowedHeaders = [
  "Authorization",
  "X-API-Key",
  "Content-Type",
  "Last-Event-ID",
  "If-Match",
  "Traceparent",
  epochHeader,
  workerHeader,
]

/** The headers of an answer that a page may read. */
const exposedHeaders = ["Retry-After", "WWW-Authenticate", "Allow"]

/** How long a browser may cache a preflight, in seconds: the most that browsers allow. */
const maxAge = 86_400

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

/**
 * Lets pages of these origins, or of any for `*`, call the API, with headers of its faces too. A preflight carries no token, so it is answered before the
 * caller is authenticated; refusals have the headers too, so that a page can read why.
 */
export const allow = (origins: ReadonlyArray<string>, ofFaces: ReadonlyArray<string>) => {
  const listed = new Set(origins.map((origin) => origin.toLowerCase()))
  return HttpMiddleware.cors({
    // An empty list is any origin to the middleware.
    allowedOrigins: listed.has("*")
      ? []
      : (origin: string | undefined) => origin !== undefined && listed.has(origin.toLowerCase()),
    allowedMethods: methods,
    allowedHeaders: [...allowedHeaders, ...ofFaces],
    exposedHeaders,
    maxAge,
  })
}
