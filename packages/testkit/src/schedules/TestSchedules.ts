/**
 * Steps that the tests of schedules share.
 */
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import type { ScheduleId } from "@runlease/core/Schedule"
import { type NewSchedule, Schedules } from "@runlease/core/Schedules"
import { DateTime, Duration, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

/** A schedule of each minute for agent `agent`, whose ticks may overlap. */
export const everyMinute = (fields: Partial<NewSchedule> = {}): NewSchedule => ({
  name: "Minutes",
  target: { kind: "agent", id: "agent" },
  schedule: "* * * * *",
  concurrencyPolicy: "Allow",
  ...fields,
})

export const create = (fields: Partial<NewSchedule> = {}) =>
  Effect.flatMap(Schedules, (schedules) => schedules.create(everyMinute(fields)))

export const get = (id: ScheduleId) => Effect.flatMap(Schedules, (schedules) => schedules.get(id))

/** The runs of a schedule, the oldest first. */
export const runsOf = (id: ScheduleId) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const found = []
    let cursor: string | undefined
    do {
      const page = yield* runs.list({ limit: 100, cursor })
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return found.filter(({ runId }) => runId.startsWith(`schedule:${id}:`)).toReversed()
  })

const tickOf = (runId: string): string => runId.split(":").slice(2).join(":")

/** The ticks of a schedule that have a run, in the order of their runs. */
export const ticksOf = (id: ScheduleId) =>
  Effect.map(runsOf(id), (runs) => runs.map(({ runId }) => tickOf(runId)))

/** The statuses of the runs of a schedule, the oldest first. */
export const statusesOf = (id: ScheduleId) =>
  Effect.map(runsOf(id), (runs) => runs.map(({ status }) => status))

/** Lets so much time pass, half a minute at a time. */
export const pass = (duration: Duration.DurationInput) =>
  Effect.repeatN(
    Effect.zipRight(TestClock.adjust("30 seconds"), TestRuns.settle),
    Math.ceil(Duration.toSeconds(duration) / 30) - 1,
  )

/** Lets time pass until the schedule has ticked at the n-th minute. */
export const passTick = (id: ScheduleId, index: number) =>
  TestRuns.eventually(
    get(id),
    ({ nextNominal }) => nextNominal === null || DateTime.toEpochMillis(nextNominal) > index * 60_000,
    { step: "30 seconds", within: "10 minutes" },
  )

/** The tick of the n-th minute. */
export const minute = (index: number): string => new Date(index * 60_000).toISOString()

export const runId = (id: ScheduleId, index: number): Ids.RunId =>
  Ids.RunId.make(`schedule:${id}:${minute(index)}`)
