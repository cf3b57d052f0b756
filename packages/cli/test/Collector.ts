/**
 * A collector of OTLP in JSON on loopback, and the trees of the traces that it has.
 */
import { Effect, Schema, Stream, SubscriptionRef } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

const Value = Schema.Struct({
  stringValue: Schema.optional(Schema.String),
  intValue: Schema.optional(Schema.Union(Schema.String, Schema.Number)),
  boolValue: Schema.optional(Schema.Boolean),
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))
const ids = { traceId: Schema.String, spanId: Schema.String }

const OtlpSpan = Schema.Struct({
  ...ids,
  parentSpanId: Schema.optional(Schema.String),
  name: Schema.String,
  startTimeUnixNano: Schema.BigInt,
  endTimeUnixNano: Schema.BigInt,
  attributes: Attributes,
  links: Schema.Array(Schema.Struct(ids)),
  status: Schema.Struct({ code: Schema.Number, message: Schema.optional(Schema.String) }),
})

const Traces = Schema.parseJson(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        resource: Schema.Struct({ attributes: Attributes }),
        scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(OtlpSpan) })),
      }),
    ),
  }),
)

const Metrics = Schema.parseJson(
  Schema.Struct({
    resourceMetrics: Schema.Array(
      Schema.Struct({
        scopeMetrics: Schema.Array(
          Schema.Struct({
            metrics: Schema.Array(Schema.Struct({ name: Schema.String, unit: Schema.String })),
          }),
        ),
      }),
    ),
  }),
)

/** A span, with the process that has exported it. */
export interface Span extends Omit<typeof OtlpSpan.Type, "attributes"> {
  readonly service: string
  readonly pid: string
  readonly attributes: Readonly<Record<string, string>>
}

const record = (attributes: typeof Attributes.Type): Readonly<Record<string, string>> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue ?? value.boolValue)]),
  )

const spansOf = ({ resourceSpans }: typeof Traces.Type): ReadonlyArray<Span> =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { "process.pid": pid = "", "service.name": service = "" } = record(resource.attributes)
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, service, pid, attributes: record(span.attributes) })),
    )
  })

/** What a collector has received. */
export interface Received {
  readonly spans: ReadonlyArray<Span>
  /** The units of metrics by their names. */
  readonly metrics: ReadonlyMap<string, string>
  /** The values of the header that the exporters were told to send. */
  readonly keys: ReadonlySet<string>
  /** Each request as it came. */
  readonly bodies: ReadonlyArray<string>
}

/** Starts a collector, which the Scope ends. */
export const make = Effect.gen(function* () {
  const received = yield* SubscriptionRef.make<Received>({
    spans: [],
    metrics: new Map(),
    keys: new Set(),
    bodies: [],
  })
  const runtime = yield* Effect.runtime<never>()
  const take = (path: string, body: string, key: string) =>
    SubscriptionRef.update(received, (all): Received => {
      const keys = new Set([...all.keys, key])
      const bodies = [...all.bodies, body]
      if (path === "/v1/traces") {
        return { ...all, keys, bodies, spans: [...all.spans, ...spansOf(Schema.decodeSync(Traces)(body))] }
      }
      const { resourceMetrics } = Schema.decodeSync(Metrics)(body)
      const metrics = resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap((scope) => scope.metrics),
      )
      return {
        ...all,
        keys,
        bodies,
        metrics: new Map([...all.metrics, ...metrics.map(({ name, unit }) => [name, unit] as const)]),
      }
    })
  const server = yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const made = createServer((request, response) => {
        const taken = Effect.flatMap(
          Effect.promise(() => text(request)),
          (body) => take(request.url ?? "", body, String(request.headers["x-key"])),
        )
        void Effect.runPromise(Effect.provide(taken, runtime)).then(() => response.end("{}"))
      })
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) =>
      Effect.sync(() => {
        made.close()
        made.closeAllConnections()
      }),
  )
  return {
    /** What processes need that export to it. */
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20secret",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    },
    received: SubscriptionRef.get(received),
    /** Waits until it has received what passes. */
    until: (passes: (all: Received) => boolean) =>
      received.changes.pipe(Stream.filter(passes), Stream.runHead, Effect.flatten, Effect.orDie),
  }
})

/** The spans below a span, as lines that are indented by their depth. Those of the same parent are in the order of their starts. */
export const treeOf = (
  spans: ReadonlyArray<Span>,
  root: string,
  label: (span: Span) => string | undefined,
): ReadonlyArray<string> => {
  const below = (parent: string, depth: number): ReadonlyArray<string> =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .toSorted((a, b) => Number(a.startTimeUnixNano - b.startTimeUnixNano))
      .flatMap((span) => {
        const text = label(span)
        return text === undefined
          ? below(span.spanId, depth)
          : [`${"  ".repeat(depth)}${text}`, ...below(span.spanId, depth + 1)]
      })
  return below(root, 0)
}
