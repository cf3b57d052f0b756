/**
 * The flags of what a limit allows.
 */
import { Args, Options } from "@effect/cli"
import { Ids, Limits } from "@runlease/core"
import { Array, Duration, Effect, Option, Schema } from "effect"
import * as ExitCode from "../output/ExitCode.js"
import * as Flag from "./Flag.js"
import { positional } from "./PositionalText.js"

export const maxRunning = Flag.whole("max-running", { minimum: 0, maximum: 100_000 }).pipe(
  Options.withDescription(
    "How many runs of the agent, of the project, or of each key of the name, may work at once: up to 100,000",
  ),
  Options.optional,
)

const isRate = Schema.is(Limits.Rate)

/** A count and a time: `10/1m`. */
const parseRate = (text: string): Option.Option<Pick<Limits.Rate, "count" | "periodSeconds">> => {
  const [, count, period] = /^(\d+)\/(.+)$/.exec(text.replaceAll(" ", "")) ?? []
  return Option.filter(
    Option.map(Flag.parseDuration(period ?? ""), (time) => ({
      count: Number(count),
      periodSeconds: Duration.toSeconds(time),
    })),
    (rate) => isRate({ ...rate, burst: 1 }),
  )
}

const rate = Flag.checked(
  "rate",
  "COUNT/TIME",
  undefined,
  "a count and whole seconds, as 10/1m or 1/30s",
  parseRate,
).pipe(
  Options.withDescription("How many runs of each key may start in a time, as 10/1m; a retry is free"),
  Options.optional,
)

const burst = Flag.whole("burst", { minimum: 1, maximum: 100_000 }).pipe(
  Options.withDescription("With --rate: how many of them may start at once, after a pause. 1 when absent"),
  Options.optional,
)

const maxPending = Flag.whole("max-pending", { minimum: 0, maximum: 1_000_000 }).pipe(
  Options.withDescription(
    "How many runs of each key may wait for their first start. Runs that may start at once do not count; further ones are refused",
  ),
  Options.optional,
)

/** What a limit with a name may be without. */
const clearable = ["max-running", "rate", "max-pending", "agent", "key-from"] as const

type Clearable = (typeof clearable)[number]

const clear = Options.choice("clear", clearable).pipe(
  Options.withDescription("Remove this from the limit, by the name of its flag; may be repeated"),
  Options.repeated,
)

const keyFrom = Flag.text("key-from", Limits.KeyFrom).pipe(
  Options.withDescription(
    "Where the key of a run of the agents is: a path into its payload, the metadata of its user's last message, or its labels, as metadata.customer",
  ),
  Options.optional,
)

/** The flags of a limit with a name, without its agents. */
export const flags = { maxRunning, rate, burst, maxPending, keyFrom, clear }

export interface LimitOptions {
  readonly maxRunning: Option.Option<number>
  readonly rate: Option.Option<Pick<Limits.Rate, "count" | "periodSeconds">>
  readonly burst: Option.Option<number>
  readonly maxPending: Option.Option<number>
  readonly keyFrom: Option.Option<string>
  readonly agents: ReadonlyArray<Ids.AgentId>
  readonly clear: ReadonlyArray<Clearable>
}

/** Whether a flag is there that only a limit with a name has. */
export const isOfName = (options: LimitOptions): boolean =>
  Option.isSome(options.rate) ||
  Option.isSome(options.burst) ||
  Option.isSome(options.maxPending) ||
  Option.isSome(options.keyFrom) ||
  options.clear.length > 0

/** Whether nothing is to be set. A name may get agents alone. */
export const isEmpty = (options: LimitOptions & { readonly name: Option.Option<string> }): boolean =>
  Option.isNone(options.maxRunning) &&
  !isOfName(options) &&
  (Option.isNone(options.name) || options.agents.length === 0)

const rateOf = ({ burst: size, rate }: LimitOptions, before: Limits.Rate | null) => {
  const most = Option.getOrUndefined(size)
  if (Option.isSome(rate)) return { ...rate.value, burst: most ?? 1 }
  return before && { ...before, burst: most ?? before.burst }
}

/** What a limit allows after the change of the flags. */
export const changed = (
  options: LimitOptions,
  name: string,
  before: Omit<Limits.NamedLimit, "name">,
): Effect.Effect<Limits.NamedLimitInput, ExitCode.CommandFailure> => {
  const isCleared = (field: Clearable) => options.clear.includes(field)
  const values: Readonly<Record<Clearable, Option.Option<unknown>>> = {
    "max-running": options.maxRunning,
    rate: options.rate,
    "max-pending": options.maxPending,
    agent: Option.liftPredicate(options.agents, (agents) => agents.length > 0),
    "key-from": options.keyFrom,
  }
  const both = options.clear.find((field) => Option.isSome(values[field]))
  if (both !== undefined) {
    return Effect.fail(ExitCode.usage(`--${both} is both set and cleared`, "Leave one of the two out."))
  }
  const after = isCleared("rate") ? null : rateOf(options, before.rate)
  if (after === null && Option.isSome(options.burst)) {
    return Effect.fail(ExitCode.usage("--burst needs a rate", "Give one with --rate, as --rate 10/1m."))
  }
  return Effect.succeed({
    name,
    maxRunning: isCleared("max-running")
      ? null
      : Option.getOrElse(options.maxRunning, () => before.maxRunning),
    rate: after,
    maxPending: isCleared("max-pending")
      ? null
      : Option.getOrElse(options.maxPending, () => before.maxPending),
    agentIds: isCleared("agent") ? null : options.agents.length > 0 ? options.agents : before.agentIds,
    // Without agents there is no key to find.
    keyFrom:
      isCleared("key-from") || isCleared("agent")
        ? Option.getOrNull(options.keyFrom)
        : Option.getOrElse(options.keyFrom, () => before.keyFrom),
  })
}

const agents = Flag.texts("agent", Ids.NewAgentId)

const all = Options.boolean("all").pipe(Options.withDescription("All runs of the project"))

const name = Args.optional(positional("name", Limits.LimitName, "The name of the limit"))

/** Of which runs a limit is set or removed. */
export const target = {
  all,
  agents: agents.pipe(
    Options.withDescription("The agent whose runs the limit is of; may be repeated with a name"),
  ),
  name,
}

/** The flags that say of what a limit is. */
interface Target {
  readonly all: boolean
  readonly agents: ReadonlyArray<Ids.AgentId>
  readonly name: Option.Option<string>
}

/** The target that the flags name. A name may have agents. */
export const onTarget = <A, E, R>(
  options: Target,
  on: {
    readonly agent: (agentId: Ids.AgentId) => Effect.Effect<A, E, R>
    readonly name: (name: string) => Effect.Effect<A, E, R>
    readonly project: Effect.Effect<A, E, R>
  },
): Effect.Effect<A, E | ExitCode.CommandFailure, R> => {
  const [agentId, ...others] = options.agents
  if (options.all && agentId === undefined && Option.isNone(options.name)) return on.project
  if (!options.all && Option.isSome(options.name)) return on.name(options.name.value)
  if (!options.all && agentId !== undefined && others.length === 0) return on.agent(agentId)
  return Effect.fail(
    ExitCode.usage(
      "One name, one agent or --all is needed",
      "Give the name of the limit, an agent with --agent ID, or --all for all runs of the project.",
    ),
  )
}

/** The flags that say what is paused. */
export const paused = {
  all,
  agents: agents.pipe(Options.withDescription("The agent whose runs the limit is of")),
  limit: Flag.limitKeys("limit").pipe(Options.withDescription("A key of a limit with a name, as gpu=eu")),
  key: Args.optional(
    positional("key", Limits.ConcurrencyKey, "The concurrency key, as submit --concurrency-key has it"),
  ),
}

/** The subject that the flags name. */
export const subjectOf = (options: {
  readonly all: boolean
  readonly agents: ReadonlyArray<string>
  readonly key: Option.Option<string>
  readonly limit: Limits.LimitKeys | undefined
}): Effect.Effect<Limits.LimitSubject, ExitCode.CommandFailure> => {
  const subjects: ReadonlyArray<Limits.LimitSubject> = [
    ...(options.all ? [{ kind: "project" as const, name: null, key: "" }] : []),
    ...Array.map(options.agents, (key) => ({ kind: "agent" as const, name: null, key })),
    ...Array.map(Option.toArray(options.key), (key) => ({
      kind: "concurrency_key" as const,
      name: null,
      key,
    })),
    ...Object.entries(options.limit ?? {}).map(([named, key]) => ({
      kind: "named" as const,
      name: named,
      key,
    })),
  ]
  const [subject] = subjects
  return subject === undefined || subjects.length > 1
    ? Effect.fail(
        ExitCode.usage(
          "One key or one agent is needed, or --all",
          "Name a concurrency key, an agent with --agent ID, a key of a limit with --limit NAME=KEY, or all runs with --all.",
        ),
      )
    : Effect.succeed(subject)
}

/** The flags that name a subject, and what a sentence calls it. */
export const namesOf = ({ key, kind, name: named }: Limits.LimitSubject) => {
  if (kind === "project") return { called: "the project", flags: "--all" }
  const flags = kind === "agent" ? `--agent ${key}` : named === null ? key : `--limit ${named}=${key}`
  return { called: key, flags }
}
