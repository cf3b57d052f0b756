/**
 * Sends traces and metrics to a collector by OTLP over HTTP.
 */
import * as OtlpMetrics from "@effect/opentelemetry/OtlpMetrics"
import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as SpanIds from "@runlease/core/SpanIds"
import { Config, Effect, Layer } from "effect"
import { hostname } from "node:os"
import * as Overview from "../help/Overview.js"
import type { OtlpSettings } from "./OtlpSettings.js"

/** `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` add to the resource; `service` is its name when absent. */
const resourceOf = (service: string) =>
  Effect.map(
    Effect.orDie(Config.withDefault(Config.nonEmptyString("OTEL_SERVICE_NAME"), service)),
    (serviceName) => ({
      serviceName,
      serviceVersion: Overview.version,
      attributes: {
        "service.namespace": "runlease",
        "service.instance.id": `${hostname()}:${process.pid}`,
        "process.pid": process.pid,
      },
    }),
  )

export const layer = (settings: OtlpSettings, service: string): Layer.Layer<never> =>
  Layer.unwrapEffect(
    Effect.map(resourceOf(service), (resource) => {
      const { headers, metrics, metricsInterval, traces, tracesInterval } = settings
      const tracer =
        traces === undefined
          ? Layer.empty
          : Layer.unwrapScoped(
              Effect.map(
                OtlpTracer.make({ url: traces, headers, resource, exportInterval: tracesInterval }),
                (made) => Layer.setTracer(SpanIds.withSpanIds(made)),
              ),
            )
      const meters =
        metrics === undefined
          ? Layer.empty
          : OtlpMetrics.layer({ url: metrics, headers, resource, exportInterval: metricsInterval })
      return Layer.merge(tracer, meters)
    }),
  ).pipe(
    Layer.provide(
      settings.protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf,
    ),
    Layer.provide(NodeHttpClient.layerUndici),
  )
