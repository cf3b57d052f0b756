/** The spans that an effect makes. */
import { Effect, Tracer } from "effect"

/** Runs the effect with the tracer of the caller, and returns the spans that it has made, in the order in which they began. */
export const of = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<ReadonlyArray<Tracer.Span>, E, R> =>
  Effect.gen(function* () {
    const spans: Array<Tracer.Span> = []
    const native = yield* Effect.tracer
    const tracer = Tracer.make({
      span: (name, ...rest) => {
        const span = native.span(name, ...rest)
        spans.push(span)
        return span
      },
      context: (body, fiber) => native.context(body, fiber),
    })
    yield* Effect.withTracer(effect, tracer)
    return spans
  })
