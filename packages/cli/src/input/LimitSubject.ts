/**
 * The flags that say of what a limit is.
 */
import { Args, Options } from "@effect/cli"
import { Ids, Limits } from "@runlease/core"
import { Array, Effect, Option } from "effect"
import * as ExitCode from "../output/ExitCode.js"
import * as Flag from "./Flag.js"
import { positional } from "./PositionalText.js"

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

export interface Target {
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
