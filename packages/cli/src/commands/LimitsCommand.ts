/**
 * `runlease limits`: lists the limits of concurrency keys and agents, sets those of agents, and pauses and resumes them.
 */
import { Args, Command, Options } from "@effect/cli"
import { Ids, Limits } from "@runlease/core"
import { Console, Effect, Option } from "effect"
import * as Flag from "../input/Flag.js"
import * as ExitCode from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positional } from "../input/PositionalText.js"

const toJson = ({ key, kind, maxRunning, open, paused, running, waiting }: Limits.Limit) => ({
  kind,
  key,
  max_running: maxRunning,
  paused,
  running,
  open,
  waiting,
})

const boundOf = ({ maxRunning, paused }: Limits.Limit): string =>
  paused ? "paused" : maxRunning === null ? "" : String(maxRunning)

const list = Command.make("list", { connection: Settings.connection, json: Settings.json }, (options) =>
  Effect.gen(function* () {
    const { items } = yield* Effect.flatMap(Limits.Limits, (limits) => limits.list({ limit: 100 }))
    if (options.json) {
      return yield* Effect.forEach(items, (limit) => Output.json(toJson(limit)), { discard: true })
    }
    if (items.length === 0) return yield* Console.log("No limit has runs, and none is paused")
    const rows = items.map((limit) => [
      limit.kind === "agent" ? "agent" : "key",
      limit.key,
      boundOf(limit),
      String(limit.running),
      String(limit.open),
      String(limit.waiting),
    ])
    yield* Console.log(
      Output.table(["OF", "KEY", "AT ONCE", "RUNNING", "OPEN", "WAITING"], rows, yield* Output.paint),
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "List the agents with a limit, and the concurrency keys with a limit that have runs or are paused, the newest first, at most 100. OPEN runs have a place and wait for a worker, WAITING ones wait for a place.",
  ),
)

const agent = Flag.text("agent", Ids.NewAgentId).pipe(
  Options.withDescription("The agent whose runs the limit is of"),
  Options.optional,
)

const noAgent = ["No agent was named", "Name it with --agent ID."] as const

const maxRunning = Flag.whole("max-running", { minimum: 1, maximum: 100_000 }).pipe(
  Options.withDescription("How many of its runs may work at once: 1 to 100,000"),
  Options.optional,
)

const set = Command.make(
  "set",
  { connection: Settings.connection, json: Settings.json, agent, maxRunning },
  (options) =>
    Effect.gen(function* () {
      const agentId = yield* Flag.required(options.agent, ...noAgent)
      const most = yield* Flag.required(
        options.maxRunning,
        "No limit was given",
        "Give it with --max-running N.",
      )
      const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.setAgent(agentId, most))
      if (options.json) return yield* Output.json(toJson(limit))
      yield* Console.log(
        `At most ${most} runs of ${agentId} work at once. ${limit.running} work now, ${limit.waiting} wait for a place`,
      )
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Set how many runs of an agent may work at once. Those that work go on. The limit of a concurrency key is set by submit --concurrency-limit.",
    ["runlease limits set --agent reviewer --max-running 5"],
  ),
)

const remove = Command.make(
  "delete",
  { connection: Settings.connection, json: Settings.json, agent },
  (options) =>
    Effect.gen(function* () {
      const agentId = yield* Flag.required(options.agent, ...noAgent)
      const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.setAgent(agentId, null))
      if (options.json) return yield* Output.json(toJson(limit))
      yield* Console.log(`Any number of runs of ${agentId} may work at once`)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Let any number of runs of an agent work at once.", [
    "runlease limits delete --agent reviewer",
  ]),
)

const options = {
  connection: Settings.connection,
  json: Settings.json,
  agent,
  key: Args.optional(
    positional("key", Limits.ConcurrencyKey, "The concurrency key, as submit --concurrency-key has it"),
  ),
}

/** The one of both that was given. */
const subjectOf = (given: {
  readonly agent: Option.Option<string>
  readonly key: Option.Option<string>
}): Effect.Effect<Limits.LimitSubject, ExitCode.CommandFailure> =>
  Option.isSome(given.agent) === Option.isSome(given.key)
    ? Effect.fail(
        ExitCode.usage(
          "One key or one agent is needed",
          "Name a concurrency key, or an agent with --agent ID.",
        ),
      )
    : Effect.succeed(
        Option.match(given.agent, {
          onSome: (key) => ({ kind: "agent" as const, key }),
          onNone: () => ({ kind: "concurrency_key" as const, key: Option.getOrElse(given.key, () => "") }),
        }),
      )

const flagOf = ({ key, kind }: Limits.LimitSubject): string => (kind === "agent" ? `--agent ${key}` : key)

const pause = Command.make("pause", options, (given) =>
  Effect.gen(function* () {
    const subject = yield* subjectOf(given)
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.pause(subject))
    if (given.json) return yield* Output.json(toJson(limit))
    yield* Console.log(
      `Paused ${subject.key}: none of its runs starts. ${limit.running} work and go on. To resume it: runlease limits resume ${flagOf(subject)}`,
    )
  }).pipe(Settings.withClient(given.connection)),
).pipe(
  Describe.command(
    "Let no run of a concurrency key with a limit, or of an agent, start until it is resumed. Those that work go on.",
    ["runlease limits pause customer-7", "runlease limits pause --agent reviewer"],
  ),
)

const resume = Command.make("resume", options, (given) =>
  Effect.gen(function* () {
    const subject = yield* subjectOf(given)
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.resume(subject))
    if (given.json) return yield* Output.json(toJson(limit))
    yield* Console.log(`Resumed ${subject.key}: ${limit.waiting} of its runs wait for a place`)
  }).pipe(Settings.withClient(given.connection)),
).pipe(
  Describe.command("Let the runs of a paused concurrency key, or of a paused agent, start again.", [
    "runlease limits resume customer-7",
    "runlease limits resume --agent reviewer",
  ]),
)

export const command = Command.make("limits").pipe(
  Describe.command(
    "Look at the limits of concurrency keys and of agents, set those of agents, and pause them.",
  ),
  Command.withSubcommands([list, set, remove, pause, resume]),
)
