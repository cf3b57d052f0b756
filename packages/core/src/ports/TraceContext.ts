/**
 * The trace that an effect belongs to, as it crosses processes: in the snapshot of a run, and as W3C's `traceparent`.
 *
 * Source: https://www.w3.org/TR/trace-context/
 */
import { Context, DefaultServices, Effect, type Fiber, FiberRef, Option, Tracer } from "effect"
import type * as RequestSnapshot from "../model/RequestSnapshot.js"
import { hasReader } from "./Tracing.js"

type InSnapshot = typeof RequestSnapshot.TraceContext.Type

const isSampled = (flags: number): boolean => (flags & 1) === 1

/** The span of another process that a trace context names. */
export const toSpan = ({ spanId, traceFlags, traceId }: InSnapshot): Tracer.ExternalSpan =>
  Tracer.externalSpan({ traceId, spanId, sampled: isSampled(traceFlags) })

export const ofSpan = ({ sampled, spanId, traceId }: Tracer.AnySpan): InSnapshot => ({
  traceId,
  spanId,
  traceFlags: sampled ? 1 : 0,
})

/** The span as the value of a `traceparent` header. */
export const toHeader = ({ sampled, spanId, traceId }: Tracer.AnySpan): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`

const header = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The span that a `traceparent` header names, where it is one. */
export const ofHeader = (value: string | undefined): Option.Option<Tracer.ExternalSpan> => {
  const [, traceId = "", spanId = "", flags = ""] = header.exec(value ?? "") ?? []
  return traceId === "" || /^0+$/.test(traceId) || /^0+$/.test(spanId)
    ? Option.none()
    : Option.some(Tracer.externalSpan({ traceId, spanId, sampled: isSampled(Number.parseInt(flags, 16)) }))
}

/** The span that a fiber is in, where others can find it: one that a tracer exports, or one of another process. */
export const ofFiber = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Tracer.AnySpan | undefined => {
  const span = Option.getOrUndefined(Context.getOption(fiber.currentContext, Tracer.ParentSpan))
  if (span === undefined || span._tag === "ExternalSpan") return span
  if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const tracer = Context.get(fiber.getFiberRef(DefaultServices.currentServices), Tracer.Tracer)
  return hasReader(tracer) ? span : undefined
}

/** The span that the effect is in, as `ofFiber` returns it. */
export const current: Effect.Effect<Tracer.AnySpan | undefined> = Effect.withFiberRuntime((fiber) =>
  Effect.succeed(ofFiber(fiber)),
)
