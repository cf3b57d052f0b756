/**
 * The metrics of this process in the text format of Prometheus.
 */
import * as Metrics from "@effect/opentelemetry/Metrics"
import * as Resource from "@effect/opentelemetry/Resource"
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus"
import { Effect } from "effect"

/** What is a field of a metric in OpenTelemetry, and would be a label of each value here. */
const isField = (name: string): boolean => name === "unit" || name === "time_unit"

const withoutFields = <A extends object>(attributes: A): A =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !isField(name))) as A

/** Makes what reads the metrics and writes them as text. */
export const make: Effect.Effect<Effect.Effect<string>> = Effect.map(
  Effect.provide(Metrics.makeProducer, Resource.layer({ serviceName: "runlease" })),
  (producer) => {
    const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
    return Effect.map(
      Effect.promise(() => producer.collect()),
      ({ resourceMetrics }) => {
        for (const { metrics } of resourceMetrics.scopeMetrics) {
          for (const { dataPoints } of metrics) {
            for (const point of dataPoints) {
              Object.assign(point, { attributes: withoutFields(point.attributes) })
            }
          }
        }
        return serializer.serialize(resourceMetrics)
      },
    )
  },
)
