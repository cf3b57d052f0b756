/** The trace context of a request, as the run that it begins has it. */
import type * as Headers from "@effect/platform/Headers"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { TraceContext } from "@runlease/core"
import { Option } from "effect"

/** By `traceparent`; undefined where there is none. */
export const of = (headers: Headers.Headers) =>
  Option.getOrUndefined(Option.map(HttpTraceContext.w3c(headers), TraceContext.ofSpan))
