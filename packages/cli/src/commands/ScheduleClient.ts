/**
 * What the commands of schedules share: their flags and arguments, how a schedule is printed, and what to do about a refusal.
 */
import { Schedule, Schedules } from "@runlease/core"
import { SnakeCase } from "@runlease/core/internal"
import { Console, DateTime, Effect } from "effect"
import * as Flag from "../input/Flag.js"
import { positional } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import { Options } from "@effect/cli"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as ScheduleLines from "../output/ScheduleLines.js"

export const common = { connection: Settings.connection, json: Settings.json }

/** The argument that names a schedule. */
export const scheduleId = positional(
  "schedule",
  Schedule.ScheduleId,
  "The schedule's id, as schedules list shows it",
)

export const revision = Flag.whole("revision", { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }).pipe(
  Options.withDescription("Change it only while it has this revision, as schedules get shows it"),
  Options.optional,
)

/** Prints what a command has made of a schedule: a sentence, or the schedule as JSON. */
export const print = (json: boolean, schedule: Schedule.Schedule, sentence: string): Effect.Effect<void> =>
  json ? Output.json(ScheduleLines.toJson(schedule)) : Console.log(sentence)

/** When the next run of a schedule begins, as the end of a sentence. */
export const nextOf = ({ nextAt }: Schedule.Schedule): string =>
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
export const withSchedules =
  (connection: Settings.Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.mapError(Settings.withClient(connection)(effect), explain)
