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

/** A limit with a name after the change of the flags. */
export const changed = (
  options: LimitOptions,
  { bounds: before, of }: Limits.LimitDefinition,
): Effect.Effect<readonly [Limits.LimitOfInput, Limits.LimitBoundsInput], ExitCode.CommandFailure> => {
  const { agentIds, keyFrom = null, name } = { agentIds: undefined, keyFrom: undefined, ...of }
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
  const runs = {
    agentIds: isCleared("agent") ? null : options.agents.length > 0 ? options.agents : agentIds,
    // Without agents there is no key to find.
    keyFrom: Option.getOrElse(options.keyFrom, () =>
      isCleared("key-from") || isCleared("agent") ? null : keyFrom,
    ),
  }
  const bounds = {
    maxRunning: isCleared("max-running")
      ? null
      : Option.getOrElse(options.maxRunning, () => before.maxRunning),
    rate: after,
    maxPending: isCleared("max-pending")
      ? null
      : Option.getOrElse(options.maxPending, () => before.maxPending),
  }
  return Effect.succeed([Limits.ofName(name ?? "", runs), bounds])
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

/** The runs that the flags name. A name may have agents. */
export const targetOf = (options: Target) => {
  const [agentId, ...others] = options.agents
  if (options.all && agentId === undefined && Option.isNone(options.name))
    return Effect.succeed(Limits.ofProject)
  if (!options.all && Option.isSome(options.name)) return Effect.succeed(Limits.ofName(options.name.value))
  if (!options.all && agentId !== undefined && others.length === 0)
    return Effect.succeed(Limits.ofAgent(agentId))
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
    ...(options.all ? [Limits.ofProject] : []),
    ...Array.map(options.agents, Limits.ofAgent),
    ...Array.map(Option.toArray(options.key), Limits.ofKey),
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
