/**
 * Flags with checked values: a number or a duration within bounds, a URL. The error of a wrong value is one line that
 * names the flag, or the setting that the value comes from, and what is allowed.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Labels, Limits, TreeBudget } from "@runlease/core"
import { Config, DateTime, Duration, Effect, Either, Option, ParseResult, Schema } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

interface Bounds<A> {
  readonly minimum: A
  readonly maximum: A
  /** The setting that the flag falls back to. */
  readonly setting?: string
}

/** The key that holds the source of a setting, for settings that do not come from the environment. */
export const sourceOf = (setting: string): string => `${setting} source`

/** The text of a value, and the name of its flag or setting for messages. */
interface SourceText {
  readonly label: string
  readonly text: string
}

/** A flag whose text `parse` accepts; it falls back to `setting`. */
export const checked = <A>(
  name: string,
  value: string,
  setting: string | undefined,
  allowed: string,
  parse: (text: string) => Option.Option<A>,
): Options.Options<A> => {
  const flag = Options.map(Options.withPseudoName(Options.text(name), value), (text): SourceText => ({
    label: `--${name}`,
    text,
  }))
  const source =
    setting === undefined
      ? flag
      : Options.withFallbackConfig(
          flag,
          Config.all({
            label: Config.withDefault(Config.string(sourceOf(setting)), setting),
            text: Config.string(setting),
          }),
        )
  return Options.mapEffect(source, ({ label, text }) =>
    Option.match(parse(text), {
      onNone: () =>
        Effect.fail(
          ValidationError.invalidValue(HelpDoc.p(`${label} takes ${allowed}, not ${JSON.stringify(text)}`)),
        ),
      onSome: (value) => Effect.succeed(value),
    }),
  )
}

/** Why a text does not fit a schema, in the words of the schema. */
export const problemOf = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.message ?? error.message

const decoding = <A>(name: string, schema: Schema.Schema<A, string>) => {
  const decode = Schema.decode(schema)
  return (text: string) =>
    Effect.mapError(decode(text), (error) =>
      ValidationError.invalidValue(HelpDoc.p(`--${name} ${problemOf(error)}: ${JSON.stringify(text)}`)),
    )
}

/** A flag whose text fits a schema. */
export const text = <A>(name: string, schema: Schema.Schema<A, string>): Options.Options<A> =>
  Options.mapEffect(Options.text(name), decoding(name, schema))

/** A repeatable flag whose texts fit a schema. */
export const texts = <A>(
  name: string,
  schema: Schema.Schema<A, string>,
): Options.Options<ReadonlyArray<A>> => {
  const decode = decoding(name, schema)
  return Options.mapEffect(Options.repeated(Options.text(name)), (texts) => Effect.forEach(texts, decode))
}

/** A flag for a whole number within bounds, both included. */
export const whole = (name: string, bounds: Bounds<number>): Options.Options<number> => {
  const { maximum, minimum, setting } = bounds
  return checked(name, "N", setting, `a whole number, ${minimum} to ${maximum}`, (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    return value >= minimum && value <= maximum ? Option.some(value) : Option.none()
  })
}

/** A flag for a number within bounds, both included. */
export const decimal = (
  name: string,
  { maximum, minimum, setting }: Bounds<number>,
): Options.Options<number> =>
  checked(name, "N", setting, `a number, ${minimum} to ${maximum}`, (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN
    return value >= minimum && value <= maximum ? Option.some(value) : Option.none()
  })

const isLimits = Schema.is(TreeBudget.Limits)

/** Limits as `name=number`, with commas between them; each name once, and at least one. */
const parseLimits = (text: string): Option.Option<TreeBudget.Limits> => {
  const pairs = text.split(",").map((pair) => /^(\w+)=(\d+)$/.exec(pair.trim()))
  const names = pairs.map((pair) => pair?.[1])
  const values = Object.fromEntries(pairs.map((pair) => [pair?.[1], Number(pair?.[2])]))
  const areNames = names.every((name) => name !== undefined && Object.hasOwn(TreeBudget.Limits.fields, name))
  return areNames && new Set(names).size === names.length && isLimits(values)
    ? Option.some(values)
    : Option.none()
}

export const limits = (name: string): Options.Options<TreeBudget.Limits> =>
  checked(
    name,
    "LIMITS",
    undefined,
    `limits of ${Object.keys(TreeBudget.Limits.fields).join(", ")}, as tokens=200000,runs=20`,
    parseLimits,
  )

const units: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const validateLabels = Schema.validateEither(Labels.Labels)

/** `name=value` as a pair. */
const pairOf = (text: string): Labels.Label | undefined => {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  return name === undefined || value === undefined ? undefined : [name, value]
}

/** The labels of these texts, each name once; else what is wrong. */
const parseLabels = (name: string, texts: ReadonlyArray<string>): Either.Either<Labels.Labels, string> => {
  const pairs = texts.map(pairOf)
  const malformed = texts.find((_, index) => pairs[index] === undefined)
  if (malformed !== undefined) {
    return Either.left(`--${name} takes name=value, as customer=42, not ${JSON.stringify(malformed)}`)
  }
  const labels = Object.fromEntries(pairs as ReadonlyArray<Labels.Label>)
  if (Object.keys(labels).length < pairs.length) return Either.left(`--${name} takes each name once`)
  return Either.mapLeft(validateLabels(labels), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    return `--${name}: ${[...(issue?.path ?? []).map(String), issue?.message ?? "is malformed"].join(" ")}`
  })
}

/** A repeatable flag for labels; undefined where it is not there. */
export const labels = (name: string): Options.Options<Labels.Labels | undefined> =>
  Options.mapEffect(Options.repeated(Options.text(name)), (texts) =>
    texts.length === 0
      ? Effect.succeed(undefined)
      : Effect.mapError(parseLabels(name, texts), (problem) =>
          ValidationError.invalidValue(HelpDoc.p(problem)),
        ),
  )

const validateKeys = Schema.validateEither(Limits.LimitKeys)

/** Keys of limits with names as `name=key`, each name once; else what is wrong. */
const parseKeys = (name: string, texts: ReadonlyArray<string>): Either.Either<Limits.LimitKeys, string> => {
  const pairs = texts.map(pairOf)
  const malformed = texts.find((_, index) => pairs[index] === undefined)
  if (malformed !== undefined) {
    return Either.left(`--${name} takes name=key, as gpu=eu, not ${JSON.stringify(malformed)}`)
  }
  const keys = Object.fromEntries(pairs as ReadonlyArray<Labels.Label>)
  if (Object.keys(keys).length < pairs.length) return Either.left(`--${name} takes each name once`)
  return Either.mapLeft(validateKeys(keys), (error) => `--${name}: ${problemOf(error)}`)
}

/** A repeatable flag for keys of limits with names; undefined where it is not there. */
export const limitKeys = (name: string): Options.Options<Limits.LimitKeys | undefined> =>
  Options.mapEffect(Options.repeated(Options.text(name)), (texts) =>
    texts.length === 0
      ? Effect.succeed(undefined)
      : Effect.mapError(parseKeys(name, texts), (problem) =>
          ValidationError.invalidValue(HelpDoc.p(problem)),
        ),
  )

/** A time as `duration` takes it. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|)$/.exec(text.replaceAll(" ", "")) ?? []
  return amount === undefined || unit === undefined
    ? Option.none()
    : Option.some(Duration.millis(Number(amount) * units[unit]!))
}

const longUnits = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
  ["millisecond", 1],
] as const

/** The longest unit that divides all amounts. */
const unitOf = (amounts: ReadonlyArray<number>) =>
  longUnits.find(([, millis]) => amounts.every((amount) => amount % millis === 0)) ?? longUnits[4]

/** Both bounds in one unit where that reads well, as `5 to 300 seconds`; else each in its own, as `1m to 365d`. */
const rangeOf = (from: Duration.DurationInput, to: Duration.DurationInput): string => {
  const [minimum, maximum] = [Duration.toMillis(from), Duration.toMillis(to)]
  const [unit, size] = unitOf([minimum, maximum])
  return minimum === 0 || maximum / size <= 3600
    ? `${minimum / size} to ${maximum / size} ${unit}${maximum === size ? "" : "s"}`
    : `${Duration.format(minimum)} to ${Duration.format(maximum)}`
}

/** Examples of how to write durations up to `maximum`. */
const formOf = (maximum: Duration.DurationInput): string => {
  if (Duration.lessThanOrEqualTo(maximum, "1 hour")) return "as 30s or 5m"
  return "as 500ms, 30s, 5m, 1h or 30d"
}

/** A flag for a duration within bounds: `500ms`, `30s`, `5m`, `1h`, `30d`; a plain number is seconds. */
export const duration = (
  name: string,
  bounds: Bounds<Duration.DurationInput>,
): Options.Options<Duration.Duration> => {
  const { maximum, minimum, setting } = bounds
  const allowed = `${rangeOf(minimum, maximum)}, written ${formOf(maximum)}`
  return checked(name, "TIME", setting, allowed, (text) =>
    Option.filter(parseDuration(text), Duration.between({ minimum, maximum })),
  )
}

const withZone = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

/** A flag for an instant, written with its offset from UTC. */
export const instant = (name: string): Options.Options<DateTime.Utc> =>
  checked(
    name,
    "INSTANT",
    undefined,
    "an instant, as 2026-02-01T09:00:00Z or 2026-02-01T09:00+01:00",
    (text) => (withZone.test(text) ? Option.map(DateTime.make(text), DateTime.toUtc) : Option.none()),
  )

/** A flag for a time in the past: an instant, or how long ago it was. */
export const past = (name: string): Options.Options<DateTime.Utc | Duration.Duration> =>
  checked(
    name,
    "TIME",
    undefined,
    "how long ago, as 30s, 5m, 2h or 7d, or an instant, as 2026-02-01T09:00:00Z",
    (text): Option.Option<DateTime.Utc | Duration.Duration> =>
      withZone.test(text) ? Option.map(DateTime.make(text), DateTime.toUtc) : parseDuration(text),
  )

/** A flag without a value; its setting is `true` or `false`. */
export const boolean = (name: string, setting: string): Options.Options<boolean> =>
  Options.withFallbackConfig(Options.boolean(name), Config.boolean(setting))

/** A flag for the URL of an HTTP server. */
export const httpUrl = (name: string, setting?: string): Options.Options<string> =>
  checked(name, "URL", setting, "a URL that begins with http:// or https://", (text) =>
    /^https?:\/\/[^/]/.test(text) && URL.canParse(text) ? Option.some(text) : Option.none(),
  )

/** The value of a flag that the command needs. Wrong values of other flags come first, since those are refused when they are read. */
export const required = <A>(
  value: Option.Option<A>,
  missing: string,
  hint: string,
): Effect.Effect<A, CommandFailure> => Effect.mapError(value, () => usage(missing, hint))

/** The flags of a list that comes in pages. */
export const flags = {
  limit: whole("limit", { minimum: 1, maximum: 100 }).pipe(
    Options.withDescription("How many, 1 to 100"),
    Options.withDefault(20),
  ),
  cursor: Options.text("cursor").pipe(
    Options.withDescription("Where the previous page ended, as it printed"),
    Options.optional,
  ),
}
