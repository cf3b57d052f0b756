/**
 * Durations as people write them on a command line: `90`, which is seconds, `500ms`, `30s`, `5m`, `1h`.
 */
import { Options } from "@effect/cli"
import { Duration, ParseResult, Schema } from "effect"

const units: Readonly<Record<string, number>> = { "": 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const parse = (text: string): Duration.Duration | undefined => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text.replaceAll(" ", "")) ?? []
  return amount === undefined || unit === undefined
    ? undefined
    : Duration.millis(Number(amount) * units[unit]!)
}

/** A duration within bounds, as text. */
const between = (minimum: Duration.DurationInput, maximum: Duration.DurationInput) =>
  Schema.transformOrFail(Schema.String, Schema.DurationFromSelf, {
    strict: true,
    decode: (text, _, ast) => {
      const duration = parse(text)
      return duration !== undefined && Duration.between(duration, { minimum, maximum })
        ? ParseResult.succeed(duration)
        : ParseResult.fail(
            new ParseResult.Type(
              ast,
              text,
              `expected ${Duration.format(minimum)} to ${Duration.format(maximum)}, such as 500ms, 30s, 5m or 1h; this is ${JSON.stringify(text)}`,
            ),
          )
    },
    encode: (duration) => ParseResult.succeed(`${Duration.toMillis(duration)}ms`),
  })

/** A flag that takes a duration, and the setting it falls back to. */
export const option = (
  name: string,
  bounds: { readonly minimum: Duration.DurationInput; readonly maximum: Duration.DurationInput },
  setting?: string,
): Options.Options<Duration.Duration> => {
  const schema = between(bounds.minimum, bounds.maximum)
  const flag = Options.withSchema(Options.text(name), schema)
  return setting === undefined ? flag : Options.withFallbackConfig(flag, Schema.Config(setting, schema))
}
