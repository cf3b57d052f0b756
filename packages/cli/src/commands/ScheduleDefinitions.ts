/**
 * `runlease schedules create`, `update` and `apply`: what schedules are.
 */
import { Command, Options } from "@effect/cli"
import { Ids, type Schedule, Schedules } from "@runlease/core"
import { Console, Effect, Option, Record } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { read } from "../input/TextInput.js"
import { positional, positionalText } from "../input/PositionalText.js"
import * as ScheduleFlags from "../input/ScheduleFlags.js"
import * as SchedulesFile from "../input/SchedulesFile.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import { common, nextOf, print, revision, scheduleId, withSchedules } from "./ScheduleClient.js"

const name = Ids.visibleText(255)

export const create = Command.make(
  "create",
  {
    ...common,
    schedule: ScheduleFlags.schedule,
    agent: ScheduleFlags.agent,
    ...ScheduleFlags.others,
    name: positional("name", name, "What the schedule is for"),
  },
  (options) =>
    Effect.gen(function* () {
      const when = yield* Flag.required(
        options.schedule,
        "The schedule is missing",
        'Give it with --schedule "0 9 * * 1-5", or --schedule "every 90s".',
      )
      const agent = yield* Flag.required(options.agent, "The agent is missing", "Name it with --agent ID.")
      const schedules = yield* Schedules.Schedules
      const schedule = yield* schedules.create({
        name: options.name,
        schedule: when,
        target: {
          kind: "agent",
          id: agent,
          ...Record.getSomes({ conversationId: options.conversation }),
        },
        config: yield* ScheduleFlags.configOf(options),
        ...ScheduleFlags.changesOf(options),
      })
      yield* print(options.json, schedule, `Created schedule ${schedule.id}${nextOf(schedule)}`)
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Create a schedule: runs of an agent that begin at times. Prints its id and its next tick.",
    [
      `runlease schedules create "Morning report" --agent report --schedule "0 9 * * 1-5" --timezone Europe/Berlin --prompt "Write the report"`,
      `runlease schedules create Poll --agent poll --schedule "every 90s" --input '{"feed": "news"}'`,
      `runlease schedules create Backup --agent backup --schedule "0 2 * * *" --missed once --stale-after 26h`,
    ],
  ),
)

/** Whether a change needs what the schedule has: its agent and its config are written whole. */
const readsBefore = (
  options: ScheduleFlags.ScheduleOptions & {
    readonly agent: Option.Option<string>
    readonly clear: ReadonlyArray<ScheduleFlags.Clearable>
  },
): boolean =>
  options.labels !== undefined ||
  ScheduleFlags.clearsParts(options.clear) ||
  [
    options.agent,
    options.conversation,
    options.prompt,
    options.input,
    options.concurrencyKey,
    options.concurrencyLimit,
  ].some((value: Option.Option<unknown>) => Option.isSome(value))

/** The agent and the conversation of a schedule, after the change. */
const targetOf = (
  { conversationId, ...target }: Schedule.ScheduleTarget,
  options: Pick<ScheduleFlags.ScheduleOptions, "conversation"> & {
    readonly agent: Option.Option<string>
    readonly clear: ReadonlyArray<ScheduleFlags.Clearable>
  },
): Schedules.NewSchedule["target"] => ({
  ...target,
  ...(conversationId === undefined || options.clear.includes("conversation") ? {} : { conversationId }),
  ...Record.getSomes({ id: options.agent }),
  ...Record.getSomes({ conversationId: options.conversation }),
})

export const update = Command.make(
  "update",
  {
    ...common,
    name: Flag.text("name", name).pipe(Options.withDescription("What the schedule is for"), Options.optional),
    schedule: ScheduleFlags.schedule,
    agent: ScheduleFlags.agent,
    ...ScheduleFlags.others,
    clear: ScheduleFlags.clear,
    revision,
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const [both] = ScheduleFlags.setAndCleared(options)
      if (both !== undefined) {
        return yield* usage(`--${both} and --clear ${both} exclude each other`, "Give one of them.")
      }
      const schedules = yield* Schedules.Schedules
      const before = readsBefore(options) ? yield* schedules.get(options.scheduleId) : undefined
      const changes: Schedules.ScheduleChanges = {
        ...Record.getSomes({ name: options.name, schedule: options.schedule }),
        ...ScheduleFlags.changesOf(options),
        ...ScheduleFlags.clearedOf(options.clear),
        ...(before === undefined
          ? {}
          : {
              target: targetOf(before.target, options),
              config: yield* ScheduleFlags.configOf(
                options,
                ScheduleFlags.withoutCleared(before.config, options.clear),
              ),
            }),
      }
      if (Object.keys(changes).length === 0) {
        return yield* usage(
          "There is nothing to change",
          'Name what changes, as --schedule "0 8 * * *". See runlease schedules update --help.',
        )
      }
      const schedule = yield* schedules.update(options.scheduleId, changes, {
        revision: Option.getOrUndefined(options.revision) ?? before?.revision,
      })
      yield* print(options.json, schedule, `Updated schedule ${schedule.id}${nextOf(schedule)}`)
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Change a schedule; what no flag names stays. A new --schedule, --timezone, --starts-at or --ends-at sets the next tick anew.",
    [
      `runlease schedules update SCHEDULE --schedule "0 8 * * 1-5"`,
      "runlease schedules update SCHEDULE --policy Queue --revision 3",
      "runlease schedules update SCHEDULE --clear ends-at --clear prompt",
    ],
  ),
)

export const apply = Command.make(
  "apply",
  {
    ...common,
    source: Flag.text("source", Ids.visibleText(128)).pipe(
      Options.withDescription("The name of what declares these schedules, such as the repository"),
      Options.optional,
    ),
    prune: Options.boolean("prune").pipe(
      Options.withDescription(
        "Remove the schedules that this source declared before and does not declare now",
      ),
    ),
    dryRun: Options.boolean("dry-run").pipe(
      Options.withDescription("Print what would change, and change nothing"),
    ),
    file: positionalText("file", 'A JSON file, as {"schedules": [...]}; - is stdin'),
  },
  ({ connection, dryRun, file, json, prune, ...options }) =>
    Effect.gen(function* () {
      const source = yield* Flag.required(
        options.source,
        "The source is missing",
        "Name it with --source NAME.",
      )
      const declared = yield* SchedulesFile.parse(file === "-" ? "stdin" : file, yield* read(file))
      const schedules = yield* Schedules.Schedules
      const applied = yield* schedules.apply({ source, schedules: declared, prune, dryRun })
      if (json) {
        return yield* Effect.forEach(
          applied,
          ({ action, key, scheduleId: id }) => Output.json({ key, action, schedule_id: id, dry_run: dryRun }),
          { discard: true },
        )
      }
      yield* Effect.forEach(
        applied,
        ({ action, key, scheduleId: id }) =>
          Console.log(`${action.padEnd(10)}${key}${id === null ? "" : `  ${id}`}`),
        { discard: true },
      )
      const counts = (["created", "updated", "unchanged", "removed"] as const).flatMap((action) => {
        const count = applied.filter((one) => one.action === action).length
        return count === 0 ? [] : [`${count} ${action}`]
      })
      yield* Console.log(
        `${counts.length === 0 ? "No schedules" : Phrases.list(counts)}${dryRun ? ". This was a dry run: nothing has changed" : ""}`,
      )
    }).pipe(withSchedules(connection)),
).pipe(
  Describe.command(
    "Make the schedules of a source what a file declares: all of them or none. An unchanged one is not written, so its ticks do not move. Schedules of other sources, and those of create, are not touched.",
    [
      "runlease schedules apply schedules.json --source shop --dry-run",
      "runlease schedules apply schedules.json --source shop --prune",
    ],
  ),
)
