/**
 * Where telemetry is sent to, by the environment variables of OpenTelemetry.
 *
 * Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
import { Config, Duration, Effect, Option } from "effect"
import { usage } from "../output/ExitCode.js"

/** A signal is sent to its URL; one that is undefined is not sent. */
export interface OtlpSettings {
  readonly traces: string | undefined
  readonly metrics: string | undefined
  readonly protocol: "http/protobuf" | "http/json"
  readonly headers: Readonly<Record<string, string>>
  readonly tracesInterval: Duration.Duration
  readonly metricsInterval: Duration.Duration
}

const optional = (name: string) => Config.option(Config.nonEmptyString(name))

const millis = (name: string, fallback: number) =>
  Config.map(Config.withDefault(Config.integer(name), fallback), Duration.millis)

const endpointName = "OTEL_EXPORTER_OTLP_ENDPOINT"

const config = Config.all({
  endpoint: optional(endpointName),
  disabled: Config.withDefault(Config.boolean("OTEL_SDK_DISABLED"), false),
  traces: Config.withDefault(Config.string("OTEL_TRACES_EXPORTER"), "otlp"),
  metrics: Config.withDefault(Config.string("OTEL_METRICS_EXPORTER"), "otlp"),
  // Half of what Protobuf takes in JavaScript.
  protocol: Config.withDefault(
    Config.literal("http/protobuf", "http/json")("OTEL_EXPORTER_OTLP_PROTOCOL"),
    "http/json" as const,
  ),
  headers: Config.withDefault(Config.string("OTEL_EXPORTER_OTLP_HEADERS"), ""),
  tracesInterval: millis("OTEL_BSP_SCHEDULE_DELAY", 5000),
  metricsInterval: millis("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
})

/** Headers as `name=value`, with commas between them and the values percent-encoded. */
const headersOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const [name = "", ...value] = pair.split("=")
      return name.trim() === "" ? [] : [[name.trim(), decodeURIComponent(value.join("=").trim())]]
    }),
  )

/** The settings, where an endpoint is named. */
export const read = Effect.gen(function* () {
  const { disabled, endpoint, headers, metrics, traces, ...rest } = yield* Effect.mapError(config, (error) =>
    usage(`The settings of OpenTelemetry are not understood: ${String(error)}`),
  )
  if (disabled || Option.isNone(endpoint)) return Option.none<OtlpSettings>()
  const base = endpoint.value.replace(/\/+$/, "")
  if (!/^https?:\/\/[^/]/.test(base) || !URL.canParse(base)) {
    return yield* usage(
      `${endpointName} takes a URL that begins with http:// or https://, not ${JSON.stringify(endpoint.value)}`,
    )
  }
  const settings: OtlpSettings = {
    ...rest,
    traces: traces === "none" ? undefined : `${base}/v1/traces`,
    metrics: metrics === "none" ? undefined : `${base}/v1/metrics`,
    headers: yield* Effect.try({
      try: () => headersOf(headers),
      catch: () => usage("OTEL_EXPORTER_OTLP_HEADERS is not understood: it has a value that is not encoded"),
    }),
  }
  return Option.some(settings)
})
