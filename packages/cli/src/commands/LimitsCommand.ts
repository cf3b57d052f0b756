/**
 * `runlease limits`: lists limits, sets those of agents, of the project and those with names, and pauses and resumes them.
 */
import { Command } from "@effect/cli"
import { Limits } from "@runlease/core"
import { Console, Effect, Option } from "effect"
import * as Flag from "../input/Flag.js"
import * as LimitFlags from "../input/LimitFlags.js"
import * as ExitCode from "../output/ExitCode.js"
import * as Describe from "../help/Describe.js"
import { allowed, namesOf, sentence, toDefined, toJson } from "../output/LimitLines.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positional } from "../input/PositionalText.js"

const show = (items: ReadonlyArray<Limits.Limit>, json: boolean) =>
  Effect.gen(function* () {
    if (json) return yield* Effect.forEach(items, (limit) => Output.json(toJson(limit)), { discard: true })
    if (items.length === 0) return yield* Console.log("No limit has runs, and none is paused")
    const rows = items.map((limit) => [
      limit.name ?? (limit.kind === "concurrency_key" ? "key" : limit.kind),
      limit.kind === "project" ? "" : limit.key,
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

const listing = { connection: Settings.connection, json: Settings.json, ...Flag.flags }

const list = Command.make("list", listing, ({ connection, cursor, json, limit }) =>
  Effect.gen(function* () {
    const limits = yield* Limits.Limits
    const page = yield* limits.list({ limit, cursor: Option.getOrUndefined(cursor) })
    yield* show(page.items, json)
    if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "List the agents and the project with a limit, and the keys that have runs or are paused, the newest first. OPEN runs have a place and wait for a worker, WAITING ones wait for a place. RATE is how many start in a time, PENDING how many may wait for their start.",
  ),
)

/** How many runs of an agent or of the project may work at once. 0 is for a pause. */
const bare = (options: LimitFlags.LimitOptions, of: Limits.LimitSubject) =>
  Effect.gen(function* () {
    const kind = of.kind === "agent" ? "an agent" : "the project"
    if (LimitFlags.isOfName(options)) {
      return yield* ExitCode.usage(
        `${kind.charAt(0).toUpperCase()}${kind.slice(1)} has --max-running alone`,
        "The other flags are for a limit with a name: runlease limits set NAME",
      )
    }
    const most = yield* Flag.required(
      options.maxRunning,
      "The limit is missing",
      "Give it with --max-running N.",
    )
    return most === 0
      ? yield* ExitCode.usage(
          `--max-running of ${kind} takes 1 to 100,000`,
          `To start none of its runs: runlease limits pause ${namesOf(of).flags}`,
        )
      : { maxRunning: most }
  })

const nothing = { maxRunning: null, rate: null, maxPending: null }

const set = Command.make(
  "set",
  {
    connection: Settings.connection,
    json: Settings.json,
    ...LimitFlags.target,
    ...LimitFlags.flags,
  },
  (options) =>
    Effect.gen(function* () {
      if (LimitFlags.isEmpty(options)) {
        return yield* ExitCode.usage("The limit is missing", "Give it with --max-running N.")
      }
      const of = yield* LimitFlags.targetOf(options)
      const limits = yield* Limits.Limits
      const [runs, bounds] =
        of.kind === "named"
          ? yield* Effect.flatMap(
              Effect.catchTag(limits.get(of.name), "LimitNotFound", () =>
                Effect.succeed({ of: { kind: of.kind, name: of.name }, bounds: nothing }),
              ),
              (before) => LimitFlags.changed(options, before),
            )
          : [of, yield* bare(options, of)]
      const limit = yield* limits.define(runs, bounds)
      if (options.json) return yield* Output.json(toDefined(limit))
      const isNamedBySubmissions = limit.of.kind === "named" && limit.of.agentIds === undefined
      const use = isNamedBySubmissions ? ` To use it: runlease submit --limit ${limit.of.name}=KEY` : ""
      yield* Console.log(`${sentence(limit)}${use}`)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Set how many runs of an agent, of the project, or of each key of a limit with a name, may work at once. Those that work go on. A limit with a name may have a rate and a largest number of pending runs too, and agents, whose later runs are under it; the rest of it stays. The limit of a concurrency key is set by submit --concurrency-limit.",
    [
      "runlease limits set gpu --max-running 4",
      "runlease limits set api --rate 10/1m --burst 5 --max-pending 100",
      "runlease limits set api --clear max-pending",
      "runlease limits set crm --max-running 2 --agent import --key-from metadata.customer",
      "runlease limits set --agent reviewer --max-running 5",
      "runlease limits set --all --max-running 50",
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
      const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.get(options.name))
      if (options.json) return yield* Output.json(toDefined(limit))
      yield* Console.log(sentence(limit))
    }).pipe(Settings.withClient(options.connection)),
).pipe(Describe.command("Show a limit with a name.", ["runlease limits get gpu"]))

const remove = Command.make(
  "delete",
  { connection: Settings.connection, json: Settings.json, ...LimitFlags.target },
  (options) =>
    Effect.gen(function* () {
      const of = yield* LimitFlags.targetOf(options)
      const use = yield* Effect.flatMap(Limits.Limits, (limits) => limits.remove(of))
      if (options.json) {
        return yield* Output.json(use === null ? { name: of.name, deleted: true } : toJson(use))
      }
      yield* Console.log(
        of.kind === "named"
          ? `Removed ${of.name}: its runs start without it, and no submission may name it`
          : `Any number of runs of ${namesOf(of).called} may work at once`,
      )
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Remove the limit of an agent, of the project, or a limit with a name.", [
    "runlease limits delete gpu",
    "runlease limits delete --agent reviewer",
    "runlease limits delete --all",
  ]),
)

const pauseFlags = { connection: Settings.connection, json: Settings.json, ...LimitFlags.paused }

const pause = Command.make("pause", pauseFlags, (options) =>
  Effect.gen(function* () {
    const subject = yield* LimitFlags.subjectOf(options)
    const { called, flags } = namesOf(subject)
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.pause(subject))
    if (options.json) return yield* Output.json(toJson(limit))
    yield* Console.log(
      `Paused ${called}: none of its runs starts.${limit.running === 0 ? "" : ` The ${limit.running} that work go on.`} To resume it: runlease limits resume ${flags}`,
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Let no run of a concurrency key with a limit, of an agent, or of the project, start until it is resumed. Those that work go on.",
    [
      "runlease limits pause customer-7",
      "runlease limits pause --agent reviewer",
      "runlease limits pause --all",
    ],
  ),
)

const resume = Command.make("resume", pauseFlags, (options) =>
  Effect.gen(function* () {
    const subject = yield* LimitFlags.subjectOf(options)
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.resume(subject))
    if (options.json) return yield* Output.json(toJson(limit))
    const { called } = namesOf(subject)
    yield* Console.log(
      subject.kind === "project"
        ? `Resumed ${called}: ${limit.running} of its runs work`
        : `Resumed ${called}: ${limit.waiting} of its runs wait for a place`,
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Let the runs of a paused concurrency key, agent or project start again.", [
    "runlease limits resume customer-7",
    "runlease limits resume --agent reviewer",
    "runlease limits resume --all",
  ]),
)

export const command = Command.make("limits").pipe(
  Describe.command(
    "Look at the limits of concurrency keys, of agents, of the project and with names, set them, and pause them.",
  ),
  Command.withSubcommands([list, set, get, remove, pause, resume]),
)
