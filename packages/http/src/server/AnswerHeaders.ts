/**
 * Headers that keep an answer from being taken for something else, and from being stored on its way.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import * as InlineScripts from "./InlineScripts.js"

const nosniff = { "x-content-type-options": "nosniff" }
const both = { ...nosniff, "cache-control": "no-store" }

/**
 * The type of an answer stands, and no cache stores an answer that does not allow it: it may have a token, and the events of a run are for
 * its caller alone.
 *
 * @since 0.1.0
 * @category middleware
 */
export const set = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(response, response.headers["cache-control"] === undefined ? both : nosniff)

const policyOf = (page: HttpServerResponse.HttpServerResponse): Effect.Effect<string> => {
  const html = page.body._tag === "Uint8Array" ? new TextDecoder().decode(page.body.body) : ""
  return Effect.map(InlineScripts.digests(html), (digests) =>
    [
      "default-src 'none'",
      `script-src ${digests.join(" ")}`,
      "style-src 'unsafe-inline'",
      "img-src data:",
      "font-src data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  )
}

/**
 * A page with a policy by which a browser runs no script but those of the page, loads nothing from elsewhere, sends requests to its own server
 * alone, and shows the page in no frame.
 *
 * @since 0.1.0
 * @category middleware
 */
export const withPolicy = <E, R>(
  page: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.flatMap(page, (response) =>
    Effect.map(policyOf(response), (policy) =>
      HttpServerResponse.setHeaders(response, {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
      }),
    ),
  )
