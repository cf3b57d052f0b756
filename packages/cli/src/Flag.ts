/**
 * Flags whose values have a form: a number or a duration within bounds, a URL. What is wrong with a value is said in
 * one line that names the flag, or the setting it came from, and what is allowed.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Config, Duration, Effect, Option } from "effect"

interface Bounds<A> {
  readonly minimum: A
  readonly maximum: A
  /** The setting that the flag falls back to. */
  readonly setting?: string
}

/** Where a setting's source is kept beside its value, for those that do not come from the environment. */
export const sourceOf = (setting: string): string => `${setting} source`

/** A value as it was given, and how to call the place. */
interface Given {
  readonly label: string
  readonly text: string
}

/** A flag, or the setting that it falls back to, whose text `parse` understands. */
const formed = <A>(
  name: string,
  setting: string | undefined,
  allowed: string,
  parse: (text: string) => Option.Option<A>,
): Options.Options<A> => {
  const flag = Options.map(Options.text(name), (text): Given => ({ label: `--${name}`, text }))
  const given =
    setting === undefined
      ? flag
      : Options.withFallbackConfig(
          flag,
          Config.all({
            label: Config.withDefault(Config.string(sourceOf(setting)), setting),
            text: Config.string(setting),
          }),
        )
  return Options.mapEffect(given, ({ label, text }) =>
    Option.match(parse(text), {
      onNone: () =>
        Effect.fail(
          ValidationError.invalidValue(HelpDoc.p(`${label} takes ${allowed}, not ${JSON.stringify(text)}`)),
        ),
      onSome: (value) => Effect.succeed(value),
    }),
  )
}

/** A whole number. */
export const whole = (name: string, bounds: Bounds<number>): Options.Options<number> => {
  const { maximum, minimum, setting } = bounds
  return formed(name, setting, `a whole number, ${minimum} to ${maximum}`, (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    return value >= minimum && value <= maximum ? Option.some(value) : Option.none()
  })
}

const units: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|)$/.exec(text.replaceAll(" ", "")) ?? []
  return amount === undefined || unit === undefined
    ? Option.none()
    : Option.some(Duration.millis(Number(amount) * units[unit]!))
}

/** A duration: `90`, which is seconds, `500ms`, `30s`, `5m`, `1h`, `30d`. */
export const duration = (
  name: string,
  bounds: Bounds<Duration.DurationInput>,
): Options.Options<Duration.Duration> => {
  const { maximum, minimum, setting } = bounds
  const allowed = `${Duration.format(minimum)} to ${Duration.format(maximum)}, written as 500ms, 30s, 5m, 1h or 30d`
  return formed(name, setting, allowed, (text) =>
    Option.filter(parseDuration(text), Duration.between({ minimum, maximum })),
  )
}

/** The URL of an HTTP server. */
export const httpUrl = (name: string, setting?: string): Options.Options<string> =>
  formed(name, setting, "a URL that begins with http:// or https://", (text) =>
    /^https?:\/\/[^/]/.test(text) && URL.canParse(text) ? Option.some(text) : Option.none(),
  )
