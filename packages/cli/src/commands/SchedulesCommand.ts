/**
 * `runlease schedules`: runs that begin at times.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Schedule, Schedules } from "@runlease/core"
import { Console, DateTime, Effect, Option } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as PageFlags from "../input/PageFlags.js"
import * as Output from "../output/Output.js"
import * as ScheduleLines from "../output/ScheduleLines.js"
import { common, nextOf, print, revision, scheduleId, withSchedules } from "./ScheduleClient.js"
import { apply, create, update } from "./ScheduleDefinitions.js"
import { backfill, run, upcoming } from "./ScheduleTicks.js"

const list = Command.make(
  "list",
  {
    ...common,
    status: Options.choice("status", [...Schedule.ScheduleStatus.literals, "stale"]).pipe(
      Options.withDescription("Only schedules of this status"),
      Options.optional,
    ),
    source: Options.text("source").pipe(
      Options.withDescription("Only the schedules that this source declares"),
      Options.optional,
    ),
    ...PageFlags.flags,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const status = Option.getOrUndefined(options.status)
      const page = yield* schedules.list({
        ...(status === "stale" ? { stale: true } : { status }),
        source: Option.getOrUndefined(options.source),
        cursor: Option.getOrUndefined(options.cursor),
        limit: options.limit,
      })
      const now = yield* DateTime.now
      const paint = yield* Output.paint
      if (options.json) {
        yield* Effect.forEach(page.items, (schedule) => Output.json(ScheduleLines.toJson(schedule)), {
          discard: true,
        })
      } else if (page.items.length === 0) {
        yield* Console.log("No schedules. To create one: runlease help schedules create")
      } else {
        const rows = page.items.map((schedule) => ScheduleLines.toRow(schedule, now, paint))
        yield* Console.log(Output.table(ScheduleLines.headings, rows, paint))
      }
      if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "List schedules, newest first, with their next and last ticks. One is active, paused, stale (without a success for longer than --stale-after) or complete.",
    ["runlease schedules list --status stale", "runlease schedules list --source shop"],
  ),
)

const get = Command.make("get", { ...common, scheduleId }, (options) =>
  Effect.gen(function* () {
    const schedules = yield* Schedules.Schedules
    const schedule = yield* schedules.get(options.scheduleId)
    yield* print(options.json, schedule, ScheduleLines.toText(schedule, yield* DateTime.now))
  }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Show one schedule: when it ticks, the payload of its runs, its last run and failure, and the ticks that began no run.",
  ),
)

const pause = Command.make(
  "pause",
  {
    ...common,
    reason: Flag.text("reason", Ids.visibleText(500)).pipe(
      Options.withDescription("Why, as schedules get shows it"),
      Options.optional,
    ),
    revision,
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const schedule = yield* schedules.pause(options.scheduleId, {
        revision: Option.getOrUndefined(options.revision),
        reason: Option.getOrUndefined(options.reason),
      })
      yield* print(options.json, schedule, `Paused schedule ${schedule.id}; runs that have begun go on`)
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command("Pause a schedule: no run begins until it is resumed.", [
    `runlease schedules pause SCHEDULE --reason "The source is down"`,
  ]),
)

const resume = Command.make("resume", { ...common, revision, scheduleId }, (options) =>
  Effect.gen(function* () {
    const schedules = yield* Schedules.Schedules
    const schedule = yield* schedules.resume(options.scheduleId, {
      revision: Option.getOrUndefined(options.revision),
    })
    yield* print(options.json, schedule, `Resumed schedule ${schedule.id}${nextOf(schedule)}`)
  }).pipe(withSchedules(options.connection)),
).pipe(Describe.command("Resume a schedule. The ticks of the pause are not missed: no run begins for them."))

const remove = Command.make("delete", { ...common, revision, scheduleId }, (options) =>
  Effect.gen(function* () {
    const schedules = yield* Schedules.Schedules
    yield* schedules.remove(options.scheduleId, { revision: Option.getOrUndefined(options.revision) })
    yield* options.json
      ? Output.json({ id: options.scheduleId, deleted: true })
      : Console.log(`Deleted schedule ${options.scheduleId}; its runs stay`)
  }).pipe(withSchedules(options.connection)),
).pipe(Describe.command("Delete a schedule. Its runs stay, and go on."))

export const command = Command.make("schedules").pipe(
  Describe.command("Begin runs at times: every weekday at nine, or every 90 seconds."),
  Command.withSubcommands([create, list, get, update, pause, resume, remove, run, upcoming, backfill, apply]),
)
