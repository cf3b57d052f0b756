/**
 * Formats schedules, as lines for people and as JSON for machines.
 */
import { type Schedule } from "@runlease/core"
import * as ScheduleWire from "@runlease/http/ScheduleWire"
import { DateTime, Schema } from "effect"
import * as Output from "./Output.js"
import * as Phrases from "./Phrases.js"
import { ofJson } from "./RunLines.js"

/** The schedule as the API shows it. */
export const toJson = Schema.encodeSync(ScheduleWire.Schedule)

type State = Schedule.ScheduleStatus | "complete" | "stale"

/** `stale`: it has had no success for as long as its health allows. */
export const stateOf = (schedule: Schedule.Schedule, now: DateTime.Utc): State => {
  const { completedAt, createdAt, health, lastSuccessfulAt, status } = schedule
  if (completedAt !== null) return "complete"
  if (status !== "active" || health === null) return status
  const since = (lastSuccessfulAt ?? createdAt).epochMillis
  return now.epochMillis - since >= health.maxStalenessSeconds * 1000 ? "stale" : status
}

const colours: Readonly<Record<State, Parameters<Output.Paint>[0]>> = {
  active: "green",
  paused: "yellow",
  deleting: "dim",
  complete: "dim",
  stale: "red",
}

const dateOf = (at: DateTime.Utc | null): string => (at === null ? "" : Phrases.date(at))

/** An interval is the same in every zone. */
const whenOf = ({ schedule, timezone }: Schedule.Schedule): string =>
  schedule.startsWith("every") ? schedule : `${schedule} ${timezone}`

/** The headings of `toRow`. */
export const headings = ["SCHEDULE", "NAME", "AGENT", "WHEN", "NEXT (UTC)", "LAST (UTC)", "RUNS", "STATUS"]

/** The schedule as a row below `headings`. */
export const toRow = (
  schedule: Schedule.Schedule,
  now: DateTime.Utc,
  paint: Output.Paint,
): ReadonlyArray<string> => {
  const state = stateOf(schedule, now)
  return [
    schedule.id,
    schedule.name,
    schedule.target.id,
    whenOf(schedule),
    dateOf(schedule.nextAt),
    dateOf(schedule.lastScheduledAt),
    String(schedule.runCount),
    paint(colours[state], state),
  ]
}

const seconds = (time: number): string => Phrases.span(time * 1000)

const skippedOf = ({ skipped }: Schedule.Schedule): string | null =>
  skipped.overlap + skipped.missed === 0
    ? null
    : `${skipped.overlap} while a run had not ended, ${skipped.missed} missed`

const failureOf = (schedule: Schedule.Schedule): string | null =>
  schedule.lastFailureAt === null
    ? null
    : `${Phrases.date(schedule.lastFailureAt)}  ${schedule.lastFailureMessage ?? ""}  ${schedule.lastFailureRunId ?? ""}`

const labelsOf = ({ labels = {} }: Schedule.ScheduleConfig): string | null =>
  Object.keys(labels).length === 0
    ? null
    : Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(", ")

const concurrencyOf = ({ concurrencyKey, concurrencyLimit }: Schedule.ScheduleConfig): string | null => {
  if (concurrencyKey === undefined) return null
  return `${concurrencyKey}, ${concurrencyLimit === undefined ? "one after the other" : `${concurrencyLimit} at once`}`
}

/** The schedule as lines, and what to do with it next. */
export const toText = (schedule: Schedule.Schedule, now: DateTime.Utc): string => {
  const { config, health, target } = schedule
  const state = stateOf(schedule, now)
  const fields = {
    schedule: schedule.id,
    name: schedule.name,
    status: schedule.pausedReason === null ? state : `${state}: ${schedule.pausedReason}`,
    when: whenOf(schedule),
    agent: target.id,
    conversation: target.conversationId ?? null,
    prompt: config.prompt ?? null,
    input: config.input === undefined ? null : ofJson(config.input),
    labels: labelsOf(config),
    concurrency: concurrencyOf(config),
    next: schedule.nextAt === null ? null : `${Phrases.date(schedule.nextAt)} UTC`,
    last: schedule.lastScheduledAt === null ? null : `${Phrases.date(schedule.lastScheduledAt)} UTC`,
    "last run": schedule.lastRunId,
    "last failure": failureOf(schedule),
    runs:
      schedule.maxRuns === null ? String(schedule.runCount) : `${schedule.runCount} of ${schedule.maxRuns}`,
    skipped: skippedOf(schedule),
    policy: schedule.concurrencyPolicy,
    missed: schedule.missed,
    window: schedule.windowSeconds === 0 ? null : seconds(schedule.windowSeconds),
    timeout: seconds(schedule.timeoutSeconds),
    attempts: String(schedule.backoffLimit + 1),
    "stale after": health === null ? null : seconds(health.maxStalenessSeconds),
    source: schedule.source === null ? null : `${schedule.source}, as ${schedule.sourceTriggerId ?? ""}`,
    revision: String(schedule.revision),
  }
  const lines = Output.fields(fields)
  return state === "paused"
    ? [...lines, "", `Resume it with: runlease schedules resume ${schedule.id}`].join("\n")
    : lines.join("\n")
}
