/** The state of a schedule, as `runlease schedules list` has it, and what is wrong with it. */
import type * as Json from "@runlease/http/Json"
import { plural } from "../../format/numbers"
import { ago, duration, until } from "../../format/times"

export type ScheduleState = "active" | "stale" | "paused" | "stopped" | "complete" | "deleting"

const instantOf = (text: string | null | undefined): number | null => (text == null ? null : Date.parse(text))

/** `stale`: without a success for longer than its health allows. `stopped`: paused by itself, after failures. */
export const stateOf = (schedule: Json.Schedule, now: number): ScheduleState => {
  const { completed_at, created_at, health, last_successful_at, paused_reason, status } = schedule
  if (completed_at !== null) return "complete"
  if (status === "paused") return paused_reason === "failures" ? "stopped" : "paused"
  if (status !== "active") return "deleting"
  if (health === null) return "active"
  const since = Date.parse(last_successful_at ?? created_at)
  return now - since > health.max_staleness_seconds * 1000 ? "stale" : "active"
}

export const isTrouble = (state: ScheduleState): boolean => state === "stale" || state === "stopped"

/** Whether the last of its runs that has ended without a cancellation failed. */
export const isFailing = ({ last_failure_at, last_successful_at }: Json.Schedule): boolean => {
  const failed = instantOf(last_failure_at)
  return failed !== null && failed > (instantOf(last_successful_at) ?? 0)
}

/** How many ticks began no run. */
export const skippedOf = ({ skipped }: Json.Schedule): number =>
  (skipped?.overlap ?? 0) + (skipped?.missed ?? 0)

/** `12 while a run had not ended, 3 missed` */
export const skippedWords = ({ skipped }: Json.Schedule): string =>
  [
    ...(skipped?.overlap ? [`${skipped.overlap} while a run had not ended`] : []),
    ...(skipped?.missed ? [`${skipped.missed} missed`] : []),
  ].join(", ")

const byName = new Intl.Collator("en", { numeric: true })

/** Those with trouble first, complete ones last, then by name. */
export const inOrder = (
  schedules: ReadonlyArray<Json.Schedule>,
  now: number,
): ReadonlyArray<Json.Schedule> => {
  const rank = (schedule: Json.Schedule): number => {
    const state = stateOf(schedule, now)
    return isTrouble(state) ? 0 : state === "complete" ? 2 : 1
  }
  return schedules.toSorted((a, b) => rank(a) - rank(b) || byName.compare(a.name, b.name))
}

/** What is wrong with a schedule, and what happens by itself. */
export const troubleOf = (
  schedule: Json.Schedule,
  now: number,
): { readonly title: string; readonly text: string } | undefined => {
  const { created_at, health, last_failure_code, last_successful_at, name, pause_after_failures } = schedule
  const failed =
    schedule.last_failure_at === null
      ? ""
      : `The last failure was ${ago(Date.parse(schedule.last_failure_at), now)}${last_failure_code === null ? "" : `: ${last_failure_code}`}.`
  switch (stateOf(schedule, now)) {
    case "stopped":
      return {
        title: `${name} is paused: ${pause_after_failures === 1 ? "its last run" : `${plural(pause_after_failures ?? 0, "run")} in a row`} failed.`,
        text: `${failed} No run begins until it is resumed.`.trim(),
      }
    case "stale": {
      const since = now - Date.parse(last_successful_at ?? created_at)
      const limit = duration((health?.max_staleness_seconds ?? 0) * 1000)
      const next = instantOf(schedule.next_at)
      return {
        title: `${name} has had no success for ${duration(since)}.`,
        text: [
          `It is stale after ${limit} without one.`,
          failed,
          next === null ? "" : `Its next run begins ${until(next, now)}.`,
        ]
          .filter((one) => one !== "")
          .join(" "),
      }
    }
    default:
      return undefined
  }
}
