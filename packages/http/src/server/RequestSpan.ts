/**
 * The span of a request: whether there is one, its address, and the span of the caller around it.
 *
 * @since 0.1.0
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { TraceContext } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import { Token } from "@runlease/core/store"
import { type Context, Effect, Option, Tracer } from "effect"

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

/** Effect's default tracer exports no span, and the span of a request costs as much as its direct path. */
export const withoutUnread = <A, E, R>(serving: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tracerWith((tracer) =>
    Tracing.hasReader(tracer) ? serving : HttpMiddleware.withTracerDisabledWhenEffect(serving, () => true),
  )

/**
 * The app in the span that the request's `traceparent` names, where this server exports no spans of its own: what a request submits belongs
 * to the caller's trace all the same. Where a tracer is there, the server's own span is in that trace already.
 */
export const inCallers = <A, E, R>(
  app: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    const { traceparent } = headers
    if (traceparent === undefined) return app
    return Effect.tracerWith((tracer) => {
      const span = Tracing.hasReader(tracer)
        ? undefined
        : Option.getOrUndefined(TraceContext.ofHeader(traceparent))
      return span === undefined ? app : Effect.withParentSpan(app, span)
    })
  })

/** Names the route of a request in its span, where it has one, as the router does. */
export const nameRoute = (context: Context.Context<never>, route: string): void => {
  const span = context.unsafeMap.get(Tracer.ParentSpan.key) as Tracer.AnySpan | undefined
  if (span?._tag === "Span") span.attribute("http.route", route)
}
