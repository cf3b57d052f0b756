/**
 * The pages whose scripts may use an address that a page of any name could reach by DNS rebinding.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security-endpoint
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect } from "effect"
import * as Refusal from "../contract/Refusal.js"
import * as SameOrigin from "./SameOrigin.js"

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
