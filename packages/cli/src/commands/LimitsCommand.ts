/**
 * `runlease limits`: lists limits, sets those of agents and those with names, and pauses and resumes them.
 */
import { Args, Command, Options } from "@effect/cli"
import { Ids, Limits } from "@runlease/core"
import { Array, Console, Effect, Option } from "effect"
import * as Flag from "../input/Flag.js"
import * as LimitFlags from "../input/LimitFlags.js"
import * as PageFlags from "../input/PageFlags.js"
import * as ExitCode from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import { allowed, sentence, toJson, toNamed } from "../output/LimitLines.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positional } from "../input/PositionalText.js"

const show = (items: ReadonlyArray<Limits.Limit>, json: boolean) =>
  Effect.gen(function* () {
    if (json) return yield* Effect.forEach(items, (limit) => Output.json(toJson(limit)), { discard: true })
    if (items.length === 0) return yield* Console.log("No limit has runs, and none is paused")
    const rows = items.map((limit) => [
      limit.kind === "agent" ? "agent" : (limit.name ?? "key"),
      limit.key,
      ...allowed(limit),
      String(limit.running),
      String(limit.open),
      String(limit.waiting),
    ])
    yield* Console.log(
      Output.table(
        ["OF", "KEY", "AT ONCE", "RATE", "PENDING", "RUNNING", "OPEN", "WAITING"],
        rows,
        yield* Output.paint,
      ),
    )
  })

const listing = { connection: Settings.connection, json: Settings.json, ...PageFlags.flags }

const list = Command.make("list", listing, ({ connection, cursor, json, limit }) =>
  Effect.gen(function* () {
    const limits = yield* Limits.Limits
    const page = yield* limits.list({ limit, cursor: Option.getOrUndefined(cursor) })
    yield* show(page.items, json)
    if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "List the agents with a limit, and the keys that have runs or are paused, the newest first. OPEN runs have a place and wait for a worker, WAITING ones wait for a place. RATE is how many start in a time, PENDING how many may wait for their start.",
  ),
)

const agent = Flag.text("agent", Ids.NewAgentId).pipe(
  Options.withDescription("The agent whose runs the limit is of"),
  Options.optional,
)

const name = Args.optional(positional("name", Limits.LimitName, "The name of the limit"))

interface Target {
  readonly agent: Option.Option<Ids.AgentId>
  readonly name: Option.Option<string>
}

/** The one of both that was given. */
const onTarget = <A, E, R>(
  given: Target,
  on: {
    readonly agent: (agentId: Ids.AgentId) => Effect.Effect<A, E, R>
    readonly name: (name: string) => Effect.Effect<A, E, R>
  },
): Effect.Effect<A, E | ExitCode.CommandFailure, R> => {
  if (Option.isSome(given.agent) && Option.isNone(given.name)) return on.agent(given.agent.value)
  if (Option.isSome(given.name) && Option.isNone(given.agent)) return on.name(given.name.value)
  return Effect.fail(
    ExitCode.usage(
      "One name or one agent is needed",
      "Give the name of the limit, or an agent with --agent ID.",
    ),
  )
}

const set = Command.make(
  "set",
  { connection: Settings.connection, json: Settings.json, agent, name, ...LimitFlags.flags },
  (options) =>
    Effect.gen(function* () {
      if (LimitFlags.isEmpty(options)) {
        return yield* ExitCode.usage("No limit was given", "Give it with --max-running N.")
      }
      const limits = yield* Limits.Limits
      yield* onTarget(options, {
        agent: (agentId) =>
          Effect.gen(function* () {
            if (LimitFlags.isOfName(options)) {
              return yield* ExitCode.usage(
                "An agent has --max-running alone",
                "Give its runs a limit with a name: runlease submit --limit NAME=KEY",
              )
            }
            const most = yield* Flag.required(
              options.maxRunning,
              "No limit was given",
              "Give it with --max-running N.",
            )
            if (most === 0) {
              return yield* ExitCode.usage(
                "--max-running of an agent takes 1 to 100,000",
                `To start none of its runs: runlease limits pause --agent ${agentId}`,
              )
            }
            const limit = yield* limits.setAgent(agentId, most)
            if (options.json) return yield* Output.json(toJson(limit))
            return yield* Console.log(
              `At most ${most} runs of ${agentId} work at once. ${limit.running} work now, ${limit.waiting} wait for a place`,
            )
          }),
        name: (named) =>
          Effect.gen(function* () {
            const before = yield* Effect.catchTag(limits.named(named), "LimitNotFound", () =>
              Effect.succeed({ maxRunning: null, rate: null, maxPending: null }),
            )
            const limit = yield* limits.define(yield* LimitFlags.changed(options, named, before))
            if (options.json) return yield* Output.json(toNamed(limit))
            return yield* Console.log(`${sentence(limit)} To use it: runlease submit --limit ${named}=KEY`)
          }),
      })
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Set how many runs of an agent, or of each key of a limit with a name, may work at once. Those that work go on. A limit with a name may have a rate and a largest number of pending runs too; what is not given stays. The limit of a concurrency key is set by submit --concurrency-limit.",
    [
      "runlease limits set gpu --max-running 4",
      "runlease limits set api --rate 10/1m --burst 5 --max-pending 100",
      "runlease limits set api --clear max-pending",
      "runlease limits set --agent reviewer --max-running 5",
    ],
  ),
)

const get = Command.make(
  "get",
  {
    connection: Settings.connection,
    json: Settings.json,
    name: positional("name", Limits.LimitName, "The name of the limit"),
  },
  (options) =>
    Effect.gen(function* () {
      const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.named(options.name))
      if (options.json) return yield* Output.json(toNamed(limit))
      yield* Console.log(sentence(limit))
    }).pipe(Settings.withClient(options.connection)),
).pipe(Describe.command("Show a limit with a name.", ["runlease limits get gpu"]))

const remove = Command.make(
  "delete",
  { connection: Settings.connection, json: Settings.json, agent, name },
  (options) =>
    Effect.gen(function* () {
      const limits = yield* Limits.Limits
      yield* onTarget(options, {
        agent: (agentId) =>
          Effect.flatMap(limits.setAgent(agentId, null), (limit) =>
            options.json
              ? Output.json(toJson(limit))
              : Console.log(`Any number of runs of ${agentId} may work at once`),
          ),
        name: (named) =>
          Effect.zipRight(
            limits.remove(named),
            options.json
              ? Output.json({ name: named, deleted: true })
              : Console.log(`Removed ${named}: its runs start without it, and no submission may name it`),
          ),
      })
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Remove the limit of an agent, or a limit with a name.", [
    "runlease limits delete gpu",
    "runlease limits delete --agent reviewer",
  ]),
)

const options = {
  connection: Settings.connection,
  json: Settings.json,
  agent,
  limit: Flag.limitKeys("limit").pipe(Options.withDescription("A key of a limit with a name, as gpu=eu")),
  key: Args.optional(
    positional("key", Limits.ConcurrencyKey, "The concurrency key, as submit --concurrency-key has it"),
  ),
}

/** The one that was given. */
const subjectOf = (given: {
  readonly agent: Option.Option<string>
  readonly key: Option.Option<string>
  readonly limit: Limits.LimitKeys | undefined
}): Effect.Effect<Limits.LimitSubject, ExitCode.CommandFailure> => {
  const subjects: ReadonlyArray<Limits.LimitSubject> = [
    ...Array.map(Option.toArray(given.agent), (key) => ({ kind: "agent" as const, name: null, key })),
    ...Array.map(Option.toArray(given.key), (key) => ({ kind: "concurrency_key" as const, name: null, key })),
    ...Object.entries(given.limit ?? {}).map(([named, key]) => ({
      kind: "named" as const,
      name: named,
      key,
    })),
  ]
  const [subject] = subjects
  return subject === undefined || subjects.length > 1
    ? Effect.fail(
        ExitCode.usage(
          "One key or one agent is needed",
          "Name a concurrency key, an agent with --agent ID, or a key of a limit with --limit NAME=KEY.",
        ),
      )
    : Effect.succeed(subject)
}

const flagOf = ({ key, kind, name: named }: Limits.LimitSubject): string =>
  kind === "agent" ? `--agent ${key}` : named === null ? key : `--limit ${named}=${key}`

const pause = Command.make("pause", options, (given) =>
  Effect.gen(function* () {
    const subject = yield* subjectOf(given)
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.pause(subject))
    if (given.json) return yield* Output.json(toJson(limit))
    yield* Console.log(
      `Paused ${subject.key}: none of its runs starts.${limit.running === 0 ? "" : ` The ${limit.running} that work go on.`} To resume it: runlease limits resume ${flagOf(subject)}`,
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
    "Look at the limits of concurrency keys, of agents and with names, set them, and pause them.",
  ),
  Command.withSubcommands([list, set, get, remove, pause, resume]),
)
