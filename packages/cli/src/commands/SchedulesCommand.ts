/**
 * `runlease schedules`: runs that begin at times.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Schedule, Schedules } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Console, DateTime, Effect, Option, Record } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positional, positionalText } from "../input/PositionalText.js"
import * as ScheduleInput from "../input/ScheduleInput.js"
import * as Settings from "../input/Settings.js"
import { read } from "../input/TextInput.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as RunLines from "../output/RunLines.js"
import * as ScheduleLines from "../output/ScheduleLines.js"
import { follow } from "./Follow.js"

const common = { connection: Settings.connection, json: Settings.json }

/** The argument that names a schedule. */
const scheduleId = positional(
  "schedule",
  Schedule.ScheduleId,
  "The schedule's id, as schedules list shows it",
)

const revision = Flag.whole("revision", { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }).pipe(
  Options.withDescription("Change it only while it has this revision, as schedules get shows it"),
  Options.optional,
)

/** Prints what a command has made of a schedule: a sentence, or the schedule as JSON. */
const print = (json: boolean, schedule: Schedule.Schedule, sentence: string): Effect.Effect<void> =>
  json ? Output.json(ScheduleLines.toJson(schedule)) : Console.log(sentence)

/** When the next run of a schedule begins, as the end of a sentence. */
const nextOf = ({ nextAt }: Schedule.Schedule): string =>
  nextAt === null
    ? "; it has no next tick"
    : `; its next run begins at ${DateTime.formatIso(nextAt).replace(".000", "")}`

/** The form of a field that is wrong. */
const hintOf = (field: string): string | undefined =>
  field.endsWith("schedule")
    ? 'Give five fields, minute hour day month weekday, as "0 9 * * 1-5", or an interval, as "every 90s".'
    : undefined

const explain = (error: unknown): unknown => {
  if (error instanceof Schedules.InvalidSchedule) {
    return usage(`${SnakeCase.snakeCase(error.field)}: ${error.message}`, hintOf(error.field))
  }
  if (error instanceof Schedules.ScheduleNotFound) {
    return new CommandFailure({
      message: error.message,
      hint: "List the schedules of the project with: runlease schedules list",
      exitCode: ExitCode.error,
    })
  }
  if (error instanceof Schedules.RevisionMismatch) {
    return new CommandFailure({
      message: error.message,
      hint: `See what changed with: runlease schedules get ${error.scheduleId}`,
      exitCode: ExitCode.error,
    })
  }
  if (error instanceof Schedules.ScheduleOfSource) {
    return new CommandFailure({
      message: error.message,
      hint: `Apply its file with: runlease schedules apply FILE --source ${error.source}; or pause it: runlease schedules pause ${error.scheduleId}`,
      exitCode: ExitCode.error,
    })
  }
  return error
}

/** Provides the ports over the connection. A refusal says what to do next. */
const withSchedules =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(Settings.withClient(connection)(effect), explain)

const name = Ids.visibleText(255)

const create = Command.make(
  "create",
  {
    ...common,
    schedule: ScheduleInput.schedule,
    agent: ScheduleInput.agent,
    ...ScheduleInput.others,
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
        config: yield* ScheduleInput.configOf(options),
        ...ScheduleInput.changesOf(options),
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
  options: ScheduleInput.ScheduleOptions & {
    readonly agent: Option.Option<string>
    readonly clear: ReadonlyArray<ScheduleInput.Clearable>
  },
): boolean =>
  options.labels !== undefined ||
  ScheduleInput.clearsParts(options.clear) ||
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
  options: Pick<ScheduleInput.ScheduleOptions, "conversation"> & {
    readonly agent: Option.Option<string>
    readonly clear: ReadonlyArray<ScheduleInput.Clearable>
  },
): Schedules.NewSchedule["target"] => ({
  ...target,
  ...(conversationId === undefined || options.clear.includes("conversation") ? {} : { conversationId }),
  ...Record.getSomes({ id: options.agent }),
  ...Record.getSomes({ conversationId: options.conversation }),
})

const update = Command.make(
  "update",
  {
    ...common,
    name: Flag.text("name", name).pipe(Options.withDescription("What the schedule is for"), Options.optional),
    schedule: ScheduleInput.schedule,
    agent: ScheduleInput.agent,
    ...ScheduleInput.others,
    clear: ScheduleInput.clear,
    revision,
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const [both] = ScheduleInput.setAndCleared(options)
      if (both !== undefined) {
        return yield* usage(`--${both} and --clear ${both} exclude each other`, "Give one of them.")
      }
      const schedules = yield* Schedules.Schedules
      const before = readsBefore(options) ? yield* schedules.get(options.scheduleId) : undefined
      const changes: Schedules.ScheduleChanges = {
        ...Record.getSomes({ name: options.name, schedule: options.schedule }),
        ...ScheduleInput.changesOf(options),
        ...ScheduleInput.clearedOf(options.clear),
        ...(before === undefined
          ? {}
          : {
              target: targetOf(before.target, options),
              config: yield* ScheduleInput.configOf(
                options,
                ScheduleInput.withoutCleared(before.config, options.clear),
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

const apply = Command.make(
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
      const declared = yield* ScheduleInput.parseFile(file === "-" ? "stdin" : file, yield* read(file))
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

const run = Command.make(
  "run",
  {
    ...common,
    id: Flag.text("idempotency-key", Ids.visibleText(128)).pipe(
      Options.withDescription("A repeat with the same key shows the first run"),
      Options.optional,
    ),
    watch: Options.boolean("watch").pipe(
      Options.withDescription("Follow it, as runlease watch does; the exit code says how it ended"),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const begun = yield* schedules.runNow(options.scheduleId, {
        idempotencyKey: Option.getOrUndefined(options.id),
      })
      yield* options.json
        ? Output.json({ duplicate: begun.duplicate, ...RunLines.toJson(begun.run) })
        : Console.log(begun.run.runId)
      if (options.watch) yield* follow({ runId: begun.run.runId, after: 0, json: options.json })
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Begin a run of a schedule now, also of a paused one. Prints the id of the run. It is no tick: the next tick stays.",
    ["runlease schedules run SCHEDULE --watch"],
  ),
)

const instantOf = (at: DateTime.Utc): string => DateTime.formatIso(at)

const upcoming = Command.make(
  "upcoming",
  {
    ...common,
    count: Flag.whole("count", { minimum: 1, maximum: 100 }).pipe(
      Options.withDescription("How many ticks, 1 to 100"),
      Options.withDefault(10),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const schedules = yield* Schedules.Schedules
      const ticks = yield* schedules.upcoming(options.scheduleId, options.count)
      if (options.json) {
        return yield* Effect.forEach(
          ticks,
          ({ at, nominalAt }) => Output.json({ nominal_at: instantOf(nominalAt), at: instantOf(at) }),
          { discard: true },
        )
      }
      if (ticks.length === 0) return yield* Console.log("No ticks: the schedule has ended")
      const paint = yield* Output.paint
      yield* Console.log(
        Output.table(
          ["TICK (UTC)", "RUN BEGINS (UTC)"],
          ticks.map(({ at, nominalAt }) => [Phrases.date(nominalAt), Phrases.date(at)]),
          paint,
        ),
      )
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command("Show the next ticks of a schedule, as if it were active.", [
    "runlease schedules upcoming SCHEDULE --count 20",
  ]),
)

const backfill = Command.make(
  "backfill",
  {
    ...common,
    from: Flag.instant("from").pipe(
      Options.withDescription("The first tick, or a time before it"),
      Options.optional,
    ),
    to: Flag.instant("to").pipe(
      Options.withDescription("The last tick, or a time after it; it must be past"),
      Options.optional,
    ),
    limit: Flag.whole("limit", { minimum: 1, maximum: 1000 }).pipe(
      Options.withDescription("How many ticks, the oldest first, 1 to 1000"),
      Options.withDefault(100),
    ),
    scheduleId,
  },
  (options) =>
    Effect.gen(function* () {
      const [from, to] = yield* Flag.required(
        Option.all([options.from, options.to]),
        "--from or --to is missing",
        "Give it with --from 2026-01-01T00:00:00Z --to 2026-01-31T23:59:59Z.",
      )
      const schedules = yield* Schedules.Schedules
      const { more, ticks } = yield* schedules.backfill(options.scheduleId, {
        from,
        to,
        limit: options.limit,
      })
      yield* Effect.forEach(
        ticks,
        ({ duplicate, nominalAt, runId }) =>
          options.json
            ? Output.json({ nominal_at: instantOf(nominalAt), run_id: runId, duplicate })
            : Console.log(
                `${Phrases.date(nominalAt)}  ${runId}${duplicate ? "  (it had this run before)" : ""}`,
              ),
        { discard: true },
      )
      if (ticks.length === 0 && !options.json) yield* Console.log("The schedule has no tick in that time")
      const last = ticks.at(-1)
      if (more && last !== undefined) {
        yield* Console.error(`More with --from ${instantOf(DateTime.add(last.nominalAt, { seconds: 1 }))}`)
      }
    }).pipe(withSchedules(options.connection)),
).pipe(
  Describe.command(
    "Begin the runs of past ticks that have none. A tick has the same run however often it is filled. Unless the policy is Allow, they go one after the other.",
    ["runlease schedules backfill SCHEDULE --from 2026-01-01T00:00:00Z --to 2026-01-31T23:59:59Z"],
  ),
)

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
    ...Flag.flags,
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
