/**
 * Whether a request with a cookie comes from a page of this server. A browser adds the cookie by itself, so the cookie alone does not say who
 * wants the request.
 *
 * Source: docs/decisions/0071-sign-in.md
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect } from "effect"
import * as Refusal from "../contract/Refusal.js"

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/** The origin of the page that sends the request, where that is this server's own. */
export const ownOrigin = ({ headers }: HttpServerRequest.HttpServerRequest): URL | undefined => {
  const origin = headers["origin"]
  const url = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined
  return url !== undefined && url.host === headers["host"]?.toLowerCase() ? url : undefined
}

const isProven = (request: HttpServerRequest.HttpServerRequest): boolean =>
  request.headers["sec-fetch-site"] === "same-origin" || ownOrigin(request) !== undefined

const crossSite = Refusal.make(
  403,
  "cross_site",
  "A session changes nothing for pages of other sites: send Sec-Fetch-Site: same-origin, or an Origin that is this host, as a browser does",
)

/** Refuses a request that may change something, unless a page of this server sends it. */
export const check = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void, Refusal.Refusal> =>
  safeMethods.has(request.method) || isProven(request) ? Effect.void : Effect.fail(crossSite)

/** As `check`, for a request that needs no cookie: a client that is no browser says nothing of where it comes from. */
export const checkBrowser = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<void, Refusal.Refusal> =>
  request.headers["origin"] === undefined && request.headers["sec-fetch-site"] === undefined
    ? Effect.void
    : check(request)

/**
 * As `check`, for the handshake of a WebSocket: a GET that a page of any site may begin, with the cookies of the browser. A request that has a
 * token in a header needs no proof.
 */
export const checkHandshake = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<void, Refusal.Refusal> => {
  const { authorization, origin, "sec-fetch-site": site, "x-api-key": apiKey } = request.headers
  const isBrowser = origin !== undefined || site !== undefined
  return !isBrowser || (authorization ?? apiKey) !== undefined || isProven(request)
    ? Effect.void
    : Effect.fail(crossSite)
}
