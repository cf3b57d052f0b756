/**
 * The address of a request as logs and spans have it.
 *
 * @since 0.1.0
 */
import { HttpServerRequest, type HttpServerResponse } from "@effect/platform"
import { Token } from "@runlease/core/store"
import { Effect } from "effect"

/** The path, without the query, which may have secrets, and without a token that was put there. */
export const pathOf = (url: string): string => Token.mask(url.split("?", 1)[0]!)

/** The address as `pathOf` has it. The tracer has written the whole one into the span by then. */
const hideSecrets = (url: string) =>
  Effect.map(Effect.currentSpan, (span) => {
    const full = span.attributes.get("url.full")
    if (typeof full === "string") span.attribute("url.full", pathOf(full))
    span.attribute("url.path", pathOf(url))
    if (span.attributes.has("url.query")) span.attribute("url.query", "REDACTED")
  })

/**
 * Leaves out of the span of a request what its access log leaves out.
 *
 * @since 0.1.0
 * @category middleware
 */
export const withoutSecrets = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
    url !== pathOf(url) ? Effect.zipRight(Effect.ignore(hideSecrets(url)), app) : app,
  )
