/**
 * The trace context of a request, as the run that it begins has it.
 *
 * @since 0.1.0
 */
import { type Headers, HttpTraceContext } from "@effect/platform"
import { TraceContext } from "@runlease/core"
import { Option } from "effect"

/** By `traceparent`; undefined where there is none. */
export const of = (headers: Headers.Headers) =>
  Option.getOrUndefined(Option.map(HttpTraceContext.w3c(headers), TraceContext.ofSpan))
