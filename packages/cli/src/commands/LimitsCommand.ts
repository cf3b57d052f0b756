/**
 * `runlease limits`: lists the limits of concurrency keys, and pauses and resumes a key.
 */
import { Command } from "@effect/cli"
import { Limits } from "@runlease/core"
import { Console, Effect } from "effect"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positional } from "../input/PositionalText.js"

const toJson = ({ concurrencyKey, maxRunning, open, paused, running, waiting }: Limits.Limit) => ({
  concurrency_key: concurrencyKey,
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
      limit.concurrencyKey,
      boundOf(limit),
      String(limit.running),
      String(limit.open),
      String(limit.waiting),
    ])
    yield* Console.log(
      Output.table(["KEY", "AT ONCE", "RUNNING", "OPEN", "WAITING"], rows, yield* Output.paint),
    )
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "List the concurrency keys with a limit that have runs or are paused, the newest first, at most 100. OPEN runs wait for a worker, WAITING ones for a place.",
  ),
)

const options = {
  connection: Settings.connection,
  json: Settings.json,
  key: positional("key", Limits.ConcurrencyKey, "The concurrency key, as submit --concurrency-key has it"),
}

const pause = Command.make("pause", options, ({ connection, json, key }) =>
  Effect.gen(function* () {
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.pause(key))
    if (json) return yield* Output.json(toJson(limit))
    yield* Console.log(
      `Paused ${key}: none of its runs starts. ${limit.running} work and go on. To resume it: runlease limits resume ${key}`,
    )
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Let no run of a concurrency key with a limit start, until it is resumed. Those that work go on.",
    ["runlease limits pause customer-7"],
  ),
)

const resume = Command.make("resume", options, ({ connection, json, key }) =>
  Effect.gen(function* () {
    const limit = yield* Effect.flatMap(Limits.Limits, (limits) => limits.resume(key))
    if (json) return yield* Output.json(toJson(limit))
    yield* Console.log(`Resumed ${key}: ${limit.waiting} of its runs wait for a place`)
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Let the runs of a paused concurrency key start again.", [
    "runlease limits resume customer-7",
  ]),
)

export const command = Command.make("limits").pipe(
  Describe.command("Look at the limits of concurrency keys, and pause them."),
  Command.withSubcommands([list, pause, resume]),
)
