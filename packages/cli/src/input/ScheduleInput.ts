/** The definitions of schedules: the flags of one, and a file of several, as `runlease schedules apply` reads it. */
import { Options } from "@effect/cli"
import { Ids, Limits, Schedule, type Schedules } from "@runlease/core"
import * as NewScheduleWire from "@runlease/http/NewScheduleWire"
import * as Strict from "@runlease/http/Strict"
import { Duration, Effect, Either, Option, ParseResult, Record, Schema } from "effect"
import * as Describe from "../help/Describe.js"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as Flag from "./Flag.js"
import * as TextInput from "./TextInput.js"
import { inputOf } from "./TextInput.js"

export const schedule = Options.text("schedule").pipe(
  Options.withDescription(
    'Five fields of cron (minute hour day month weekday), as "0 9 * * 1-5", or an interval, as "every 90s"',
  ),
  Options.optional,
)

export const agent = Flag.text("agent", Ids.NewAgentId).pipe(
  Options.withDescription("The agent whose runs begin"),
  Options.optional,
)

/** What both `create` and `update` take. */
export const others = {
  timezone: Options.text("timezone").pipe(
    Options.withDescription("The time zone of the cron, such as Europe/Berlin; UTC when absent"),
    Options.optional,
  ),
  prompt: Options.text("prompt").pipe(
    Options.withDescription("The prompt of each run, as a message of the user"),
    Options.optional,
  ),
  input: Options.text("input").pipe(
    Options.withDescription("The payload of each run, as JSON; @FILE reads a file, - reads stdin"),
    Options.optional,
  ),
  conversation: Flag.text("conversation", Ids.ConversationId).pipe(
    Options.withDescription("The conversation of all runs; each has its own when absent"),
    Options.optional,
  ),
  labels: Flag.labels("label").pipe(
    Options.withDescription("A label of each run as name=value; may be repeated"),
  ),
  ...Describe.grouped("Runs that meet, are late or fail", {
    concurrencyKey: Flag.text("concurrency-key", Limits.ConcurrencyKey).pipe(
      Options.withDescription(
        "What the runs share with others: they go one after the other, or as --concurrency-limit allows",
      ),
      Options.optional,
    ),
    concurrencyLimit: Flag.whole("concurrency-limit", { minimum: 1, maximum: 100_000 }).pipe(
      Options.withDescription("The most runs of the concurrency key that work at once"),
      Options.optional,
    ),
    policy: Options.choice("policy", Schedule.ConcurrencyPolicy.literals).pipe(
      Options.withDescription(
        "While the last run has not ended: skip the tick (Forbid, the default), begin its run too (Allow), cancel that run (Replace) or wait behind it (Queue)",
      ),
      Options.optional,
    ),
    missed: Options.choice("missed", Schedule.MissedPolicy.literals).pipe(
      Options.withDescription(
        "Ticks that no server was there for: no run (skip, the default), one for the last of them (once), or one for each (all)",
      ),
      Options.optional,
    ),
    window: Flag.duration("window", { minimum: 0, maximum: "1 hour" }).pipe(
      Options.withDescription(
        "Begin each run this late at most, so that many schedules do not begin together",
      ),
      Options.optional,
    ),
    timeout: Flag.duration("timeout", { minimum: "1 second", maximum: "7 days" }).pipe(
      Options.withDescription("How long a run may take; 1h when absent"),
      Options.optional,
    ),
    maxAttempts: Flag.whole("max-attempts", { minimum: 1, maximum: 100 }).pipe(
      Options.withDescription("How many attempts each run has; 3 when absent"),
      Options.optional,
    ),
    pauseAfter: Flag.whole("pause-after-failures", { minimum: 0, maximum: 1000 }).pipe(
      Options.withDescription("Pause after this number of failed runs in a row; 0, the default, for never"),
      Options.optional,
    ),
    staleAfter: Flag.duration("stale-after", { minimum: "1 second", maximum: "3650 days" }).pipe(
      Options.withDescription(
        "Show the schedule as stale when no run has completed for so long, such as 26h",
      ),
      Options.optional,
    ),
  }),
  ...Describe.grouped("First and last tick", {
    startsAt: Flag.instant("starts-at").pipe(
      Options.withDescription("No tick before it; an interval counts from it"),
      Options.optional,
    ),
    endsAt: Flag.instant("ends-at").pipe(Options.withDescription("No tick after it"), Options.optional),
    maxRuns: Flag.whole("max-runs", { minimum: 1, maximum: 1_000_000_000 }).pipe(
      Options.withDescription("The schedule is complete after this number of runs"),
      Options.optional,
    ),
  }),
}

type Parsed<F> = { readonly [K in keyof F]: F[K] extends Options.Options<infer A> ? A : never }

export type ScheduleOptions = Parsed<typeof others>

const seconds = Option.map((time: Duration.Duration) => Math.ceil(Duration.toSeconds(time)))

/** The parts that are there. */
const present = <A extends globalThis.Record<string, Option.Option<unknown>>>(
  parts: A,
): { readonly [K in keyof A]?: Option.Option.Value<A[K]> } => Record.getSomes(parts) as never

/** The config of the flags, merged into that of the schedule. */
export const configOf = (
  { concurrencyKey, concurrencyLimit, input, labels, prompt }: ScheduleOptions,
  before: Schedule.ScheduleConfig = {},
): Effect.Effect<Schedule.ScheduleConfig, CommandFailure> =>
  Effect.map(
    Option.match(input, {
      onNone: () => Effect.succeed({}),
      onSome: (text) => Effect.map(inputOf(text), (value) => ({ input: value })),
    }),
    (withInput) => ({
      ...before,
      ...present({ prompt, concurrencyKey, concurrencyLimit, labels: Option.fromNullable(labels) }),
      ...withInput,
    }),
  )

/** The fields that a schedule may be without. */
const clearable = [
  "prompt",
  "input",
  "label",
  "concurrency-key",
  "concurrency-limit",
  "conversation",
  "stale-after",
  "starts-at",
  "ends-at",
  "max-runs",
] as const

export type Clearable = (typeof clearable)[number]

export const clear = Options.choice("clear", clearable).pipe(
  Options.withDescription("Remove this from the schedule, by the name of its flag; may be repeated"),
  Options.repeated,
)

/** The fields that the flags both set and clear. */
export const setAndCleared = (
  options: ScheduleOptions & { readonly clear: ReadonlyArray<Clearable> },
): ReadonlyArray<Clearable> => {
  const values: Readonly<globalThis.Record<Clearable, Option.Option<unknown>>> = {
    prompt: options.prompt,
    input: options.input,
    label: Option.fromNullable(options.labels),
    "concurrency-key": options.concurrencyKey,
    "concurrency-limit": options.concurrencyLimit,
    conversation: options.conversation,
    "stale-after": options.staleAfter,
    "starts-at": options.startsAt,
    "ends-at": options.endsAt,
    "max-runs": options.maxRuns,
  }
  return options.clear.filter((name) => Option.isSome(values[name]))
}

const ofConfig: Partial<globalThis.Record<Clearable, keyof Schedule.ScheduleConfig>> = {
  prompt: "prompt",
  input: "input",
  label: "labels",
  "concurrency-key": "concurrencyKey",
  "concurrency-limit": "concurrencyLimit",
}

export const withoutCleared = (
  config: Schedule.ScheduleConfig,
  cleared: ReadonlyArray<Clearable>,
): Schedule.ScheduleConfig => {
  const names = new Set<string>(cleared.flatMap((name) => ofConfig[name] ?? []))
  return Record.filter(config as globalThis.Record<string, unknown>, (_, name) => !names.has(name))
}

/** Whether a change takes something away from the config or the target, which are written whole. */
export const clearsParts = (cleared: ReadonlyArray<Clearable>): boolean =>
  cleared.some((name) => name === "conversation" || ofConfig[name] !== undefined)

/** The changes that take away the other fields. */
export const clearedOf = (cleared: ReadonlyArray<Clearable>): Schedules.ScheduleChanges => ({
  ...(cleared.includes("stale-after") ? { health: null } : {}),
  ...(cleared.includes("starts-at") ? { startsAt: null } : {}),
  ...(cleared.includes("ends-at") ? { endsAt: null } : {}),
  ...(cleared.includes("max-runs") ? { maxRuns: null } : {}),
})

/** The fields of a definition that the flags give, but for its agent, its times and its config. */
export const changesOf = (options: ScheduleOptions): Schedules.ScheduleChanges =>
  present({
    timezone: options.timezone,
    concurrencyPolicy: options.policy,
    missed: options.missed,
    windowSeconds: seconds(options.window),
    timeoutSeconds: seconds(options.timeout),
    backoffLimit: Option.map(options.maxAttempts, (attempts) => attempts - 1),
    pauseAfterFailures: options.pauseAfter,
    health: Option.map(seconds(options.staleAfter), (maxStalenessSeconds) => ({ maxStalenessSeconds })),
    startsAt: options.startsAt,
    endsAt: options.endsAt,
    maxRuns: options.maxRuns,
  })

const File = Schema.Struct({ schedules: NewScheduleWire.DeclaredSchedules })

const decode = Schema.decodeUnknownEither(File, { onExcessProperty: "error", errors: "all" })

const example =
  'A file has a list of schedules, such as {"schedules": [{"key": "nightly", "name": "Nightly report", "target": {"kind": "agent", "id": "report"}, "schedule": "0 2 * * *"}]}.'

/** How many problems of a file are printed. */
const maxProblems = 20

/** Where a problem is, with the key of the schedule where it has one. */
const placeOf = (value: unknown, path: ReadonlyArray<PropertyKey>): string => {
  const [list, index, ...rest] = path
  const at = list === "schedules" && typeof index === "number" ? index : undefined
  const key =
    at === undefined ? undefined : (value as { schedules: Array<{ key?: unknown }> }).schedules[at]?.key
  return typeof key === "string" ? [`schedule ${JSON.stringify(key)}`, ...rest].join(" ") : path.join(".")
}

/** The schedules of a file. Fails with each wrong place of it, before anything is sent. */
export const parseFile = (
  name: string,
  text: string,
): Either.Either<ReadonlyArray<Schedules.DeclaredSchedule>, CommandFailure> =>
  TextInput.parse(text).pipe(
    Either.mapLeft((place) => usage(`${name} is no JSON at ${place}`, example)),
    Either.flatMap((value) =>
      Either.mapBoth(decode(value), {
        onLeft: (error) => {
          const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
          const lines = issues.slice(0, maxProblems).map((issue) => {
            const place = placeOf(value, issue.path)
            return `${name}: ${place === "" ? "" : `${place}: `}${Strict.sentence(issue)}`
          })
          return usage(lines.join("\n"), `Nothing was changed. ${example}`)
        },
        onRight: ({ schedules }) => schedules,
      }),
    ),
  )
