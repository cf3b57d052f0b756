/**
 * The trace of a caller, where this server exports no spans of its own: what a request submits belongs to the caller's trace all the same.
 *
 * @since 0.1.0
 */
import { HttpServerRequest } from "@effect/platform"
import { TraceContext } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import { Effect, Option } from "effect"

/** The app in the span that the request's `traceparent` names. Where a tracer is there, the server's own span is in it already. */
export const joined = <A, E, R>(
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
