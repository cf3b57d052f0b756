/**
 * Flags that take a number or a duration within bounds. What is wrong with a value is said in one line that names the
 * flag or the setting and what is allowed.
 */
import { Options } from "@effect/cli"
import { Duration, Schema } from "effect"

const told = (what: string) => ({
  message: (issue: { readonly actual: unknown }) => ({
    message: `${what}, not ${JSON.stringify(issue.actual)}`,
    override: true,
  }),
})

interface Bounds<A> {
  readonly minimum: A
  readonly maximum: A
  /** The setting that the flag falls back to. */
  readonly setting?: string
}

/** A whole number. */
export const whole = (name: string, bounds: Bounds<number>): Options.Options<number> => {
  const { maximum, minimum, setting } = bounds
  const schema = (label: string) =>
    Schema.NumberFromString.pipe(
      Schema.filter((value) => Number.isInteger(value) && value >= minimum && value <= maximum),
      Schema.annotations(told(`${label} takes a whole number, ${minimum} to ${maximum}`)),
    )
  const flag = Options.withSchema(Options.text(name), schema(`--${name}`))
  return setting === undefined
    ? flag
    : Options.withFallbackConfig(flag, Schema.Config(setting, schema(setting)))
}

const units: Readonly<Record<string, number>> = { "": 1000, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const parse = (text: string): Duration.Duration | undefined => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text.replaceAll(" ", "")) ?? []
  return amount === undefined || unit === undefined
    ? undefined
    : Duration.millis(Number(amount) * units[unit]!)
}

/** A duration: `90`, which is seconds, `500ms`, `30s`, `5m`, `1h`. */
export const duration = (
  name: string,
  bounds: Bounds<Duration.DurationInput>,
): Options.Options<Duration.Duration> => {
  const { maximum, minimum, setting } = bounds
  const schema = (label: string) =>
    Schema.String.pipe(
      Schema.filter((text) => {
        const value = parse(text)
        return value !== undefined && Duration.between(value, { minimum, maximum })
      }),
      Schema.annotations(
        told(
          `${label} takes ${Duration.format(minimum)} to ${Duration.format(maximum)}, written as 500ms, 30s, 5m or 1h`,
        ),
      ),
      Schema.transform(Schema.DurationFromSelf, {
        strict: true,
        decode: (text) => parse(text) ?? Duration.zero,
        encode: (value) => `${Duration.toMillis(value)}ms`,
      }),
      Schema.annotations(
        told(
          `${label} takes ${Duration.format(minimum)} to ${Duration.format(maximum)}, written as 500ms, 30s, 5m or 1h`,
        ),
      ),
    )
  const flag = Options.withSchema(Options.text(name), schema(`--${name}`))
  return setting === undefined
    ? flag
    : Options.withFallbackConfig(flag, Schema.Config(setting, schema(setting)))
}
