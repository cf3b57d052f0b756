/**
 * Ids that the maker of a span chooses.
 *
 * A tracer makes the ids of its spans by chance. The span of an attempt has ids that follow from its run and its claim, so that the
 * attempts after it can name it, although its worker may be gone before it has exported anything.
 *
 * Source: docs/decisions/0073-telemetry.md
 */
import { Context, DefaultServices, Option, Tracer } from "effect"

/** The ids of a span, in its `context`: 32 and 16 lower-case hex digits. */
export class SpanIds extends Context.Tag("@runlease/core/SpanIds")<
  SpanIds,
  { readonly traceId: string; readonly spanId: string }
>() {}

const unexported = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * The tracer, whose spans take the ids of `SpanIds`, and which exports no span below one that is not sampled. It fits tracers that read
 * the ids of a span when it ends, as that of `@effect/opentelemetry/OtlpTracer` does. It does not fit those of an OpenTelemetry SDK.
 */
export const withSpanIds = (tracer: Tracer.Tracer): Tracer.Tracer => ({
  // Each step of a fiber passes `context`, so it is not wrapped.
  ...tracer,
  span: (name, parent, context, ...rest) => {
    if (Option.isSome(parent) && !parent.value.sampled) {
      return Object.assign(unexported.span(name, parent, context, ...rest), { sampled: false })
    }
    const span = tracer.span(name, parent, context, ...rest)
    return Option.match(Context.getOption(context, SpanIds), {
      onNone: () => span,
      onSome: ({ spanId, traceId }) => Object.assign(span, { spanId, traceId }),
    })
  },
})
