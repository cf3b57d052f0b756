/**
 * The telemetry of a server or a worker: what its flags and the environment request, and nothing else is loaded or run.
 */
import { Options } from "@effect/cli"
import { Config, Effect, Layer, Option } from "effect"
import * as Describe from "../help/Describe.js"
import * as Log from "../output/Log.js"
import * as OtlpSettings from "./OtlpSettings.js"

/** `--log-format` */
export const logFormat = Options.choice("log-format", Log.formats).pipe(
  Options.withDescription("The log on stderr: text, or a JSON object for each line"),
  Options.withFallbackConfig(Config.literal(...Log.formats)("RUNLEASE_LOG_FORMAT")),
  Options.withDefault("text" as const),
  Describe.inGroup("Telemetry"),
)

/** The measurements of the process, apart from requests and runs. They are made while something reads them. */
const processMetrics = Layer.unwrapEffect(
  Effect.map(
    Effect.promise(() => import("./ProcessMetrics.js")),
    ({ layer }) => layer,
  ),
)

export interface Telemetry {
  /** Whether something reads the metrics. */
  readonly measures: boolean
  /** The log, the tracer and the exporters, for all that the process does. */
  readonly layer: Layer.Layer<never>
}

/**
 * `scraped`: Prometheus reads the metrics of this process. Traces and metrics are exported where `OTEL_EXPORTER_OTLP_ENDPOINT` names a
 * collector.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly service: "runlease-server" | "runlease-worker"
  readonly logFormat: Log.Format
  readonly scraped: boolean
}) {
  const otlp = yield* OtlpSettings.read
  const measures = options.scraped || Option.exists(otlp, ({ metrics }) => metrics !== undefined)
  const exporters = Option.match(otlp, {
    onNone: () => Layer.empty,
    onSome: (settings) =>
      Layer.unwrapEffect(
        Effect.map(
          Effect.promise(() => import("./Otlp.js")),
          ({ layer }) => layer(settings, options.service),
        ),
      ),
  })
  const telemetry: Telemetry = {
    measures,
    layer: Layer.mergeAll(Log.layer(options.logFormat), exporters, measures ? processMetrics : Layer.empty),
  }
  return telemetry
})

/** The text that `/metrics` answers. */
export const metricsPage: Effect.Effect<Effect.Effect<string>> = Effect.flatMap(
  Effect.promise(() => import("./Prometheus.js")),
  ({ make: makePage }) => makePage,
)
