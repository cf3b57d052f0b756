/**
 * The rules of schedules: which ticks are due, which of them begin a run, and what a schedule is after them.
 *
 * Instants are milliseconds since the epoch, by the civil clock of the store.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import { sha256 } from "@runlease/core/Digest"
import { isTerminal, type RunError, type RunStatus, type TerminalStatus } from "@runlease/core/Run"
import type { Schedule } from "@runlease/core/Schedule"
import type { CronTime } from "./CronTime.js"

/**
 * A schedule as a store has it. `openRuns`: its newest runs whose end the schedule does not have yet, the oldest first. `failures`: the failed
 * runs since the last success. `stale`: the store has found that it is stale; absent in what was written before that was looked at.
 */
export interface ScheduleRecord extends Readonly<typeof Schedule.Encoded> {
  readonly openRuns: ReadonlyArray<string>
  readonly failures: number
  readonly stale?: boolean
}

/** A tick that is late by more than this is missed, in milliseconds. */
export const grace = 60_000

/** The most missed ticks of `all` that run. */
export const maxMissed = 1000

/** The most ticks of one schedule that one commit runs. */
const maxTicks = 100

/** The most runs whose end a schedule waits for. */
const maxOpenRuns = 20

/** A schedule's share of its window, in milliseconds: the same at every tick, and another for another schedule. */
export const shareOf = ({ id, windowSeconds }: Pick<ScheduleRecord, "id" | "windowSeconds">): number =>
  windowSeconds === 0 ? 0 : (Number.parseInt(sha256(id).slice(0, 8), 16) % windowSeconds) * 1000

/** The schedule with this next tick. One without a next tick is complete. */
const nextIs = (record: ScheduleRecord, nominal: number | null, now: number): ScheduleRecord => ({
  ...record,
  nextNominal: nominal,
  nextAt: nominal === null ? null : nominal + shareOf(record),
  completedAt: nominal === null ? (record.completedAt ?? now) : null,
})

const isExhausted = ({ maxRuns, runCount }: ScheduleRecord): boolean =>
  maxRuns !== null && runCount >= maxRuns

/** Sets the next tick of an active schedule after now. Earlier ticks are not missed. */
export const startFrom = (record: ScheduleRecord, { next }: CronTime, now: number): ScheduleRecord =>
  record.status === "active" ? nextIs(record, isExhausted(record) ? null : next(now), now) : record

export const pause = (record: ScheduleRecord, reason: string | null, now: number): ScheduleRecord => ({
  ...record,
  status: "paused",
  pausedAt: now,
  pausedReason: reason,
  nextNominal: null,
  nextAt: null,
  revision: record.revision + 1,
})

export const resume = (record: ScheduleRecord, time: CronTime, now: number): ScheduleRecord =>
  startFrom(
    {
      ...record,
      status: "active",
      pausedAt: null,
      pausedReason: null,
      failures: 0,
      revision: record.revision + 1,
    },
    time,
    now,
  )

/** The state of the last run of a schedule: it waits for its first attempt, it has begun and not ended, or neither. */
export type LastRun = "waiting" | "working" | "ended"

/** The ticks of a commit: those that begin a run, and whether they take the place of the last run. */
export interface Plan {
  readonly runs: ReadonlyArray<number>
  readonly cancelsLast: boolean
  readonly overlap: number
}

/** Which of these ticks begin a run, as the policy says of the runs before them. */
export const planOf = (
  policy: ScheduleRecord["concurrencyPolicy"],
  ticks: ReadonlyArray<number>,
  last: LastRun,
): Plan => {
  const of = (runs: ReadonlyArray<number>, cancelsLast = false): Plan => ({
    runs,
    cancelsLast,
    overlap: ticks.length - runs.length,
  })
  if (ticks.length === 0) return of([])
  switch (policy) {
    case "Allow":
      return of(ticks)
    case "Forbid":
      return of(last === "ended" ? ticks.slice(0, 1) : [])
    case "Replace":
      return of(ticks.slice(-1), last !== "ended")
    case "Queue": {
      const newest = ticks.slice(-1)
      return last === "ended" && ticks.length > 1
        ? of([ticks[0]!, ...newest])
        : of(newest, last === "waiting")
    }
  }
}

/** What is due of a schedule: the ticks that the rule of missed ones lets run, how many it drops, and the tick after them. */
interface Due {
  readonly ticks: ReadonlyArray<number>
  readonly missed: number
  readonly next: number | null
}

/**
 * The due ticks of a schedule, a bounded number: the others stay due. Whether a missed tick runs depends on those after it alone, so parts
 * decide as the whole would.
 */
const dueOf = (record: ScheduleRecord, { next }: CronTime, now: number, most: number): Due => {
  const share = shareOf(record)
  const isMissed = (tick: number | null): tick is number => tick !== null && tick + share + grace < now
  const ahead: Array<number> = []
  let after = record.nextNominal
  while (after !== null && after + share <= now && ahead.length < maxMissed + maxTicks) {
    ahead.push(after)
    after = next(after)
  }
  const missed = ahead.filter(isMissed)
  const late = ahead.slice(missed.length)
  if (record.missed === "all") {
    // Where more are missed than were looked at, the first ones have enough after them.
    const some = isMissed(after)
    const dropped = some ? maxTicks : Math.max(0, missed.length - maxMissed)
    const ticks = some ? [] : ahead.slice(dropped, dropped + most)
    const left = ahead[dropped + ticks.length]
    return { ticks: ticks, missed: dropped, next: left ?? after }
  }
  // The last missed tick is the one whose next is not missed.
  const last = record.missed === "once" && !isMissed(late[0] ?? after) ? missed.slice(-1) : []
  const ticks = [...last, ...late].slice(0, most)
  const rest = late[ticks.length - last.length]
  return { ticks, missed: missed.length - last.length, next: rest ?? after }
}

/** What a due schedule does now, with the first `most` of its ticks. A schedule whose last runs have all failed pauses. */
export const tick = (
  record: ScheduleRecord,
  time: CronTime,
  last: LastRun,
  now: number,
  most = maxTicks,
): { readonly record: ScheduleRecord; readonly plan: Plan } => {
  const { failures, pauseAfterFailures } = record
  if (pauseAfterFailures > 0 && failures >= pauseAfterFailures) {
    return { record: pause(record, "failures", now), plan: { runs: [], cancelsLast: false, overlap: 0 } }
  }
  const due = dueOf(record, time, now, most)
  const room = record.maxRuns === null ? due.ticks.length : Math.max(0, record.maxRuns - record.runCount)
  const plan = planOf(record.concurrencyPolicy, due.ticks, last)
  const runs = plan.runs.slice(0, room)
  const { missed, overlap } = record.skipped
  return {
    record: nextIs(
      { ...record, skipped: { missed: missed + due.missed, overlap: overlap + plan.overlap } },
      isExhausted({ ...record, runCount: record.runCount + runs.length }) ? null : due.next,
      now,
    ),
    plan: { ...plan, runs },
  }
}

/** The schedule with a run that a tick or a call has begun. */
export const began = (record: ScheduleRecord, runId: string, at: number): ScheduleRecord => ({
  ...record,
  lastRunId: runId,
  lastScheduledAt: at,
  runCount: record.runCount + 1,
  openRuns: [...record.openRuns, runId].slice(-maxOpenRuns),
})

export interface EndedRun {
  readonly runId: string
  readonly status: TerminalStatus
  readonly finishedAt: number
  readonly error: RunError | null
}

/** The end of a run; undefined while it has not ended. */
export const endOf = ({
  error,
  finishedAt,
  runId,
  status,
}: Omit<EndedRun, "status" | "finishedAt"> & {
  readonly status: RunStatus
  readonly finishedAt: number | null
}): EndedRun | undefined =>
  isTerminal(status) && finishedAt !== null ? { runId, status, finishedAt, error } : undefined

const failed = (
  record: ScheduleRecord,
  at: number,
  failure: { readonly code: string | null; readonly message: string; readonly runId: string | null },
): ScheduleRecord => ({
  ...record,
  failures: record.failures + 1,
  lastFailureAt: at,
  lastFailureCode: failure.code,
  lastFailureMessage: failure.message,
  lastFailureRunId: failure.runId,
})

/** The schedule after a tick whose run was refused. */
export const refused = (
  record: ScheduleRecord,
  at: number,
  failure: { readonly code: string; readonly message: string },
): ScheduleRecord => failed(record, at, { ...failure, runId: null })

const afterEnd = (record: ScheduleRecord, { error, finishedAt, runId, status }: EndedRun): ScheduleRecord => {
  switch (status) {
    case "completed":
      return { ...record, failures: 0, lastSuccessfulAt: finishedAt }
    case "failed": {
      const failure = error ?? { code: null, message: "The run failed" }
      return failed(record, finishedAt, { ...failure, runId })
    }
    case "cancelled":
      return record
  }
}

/**
 * The schedule after the ends of runs, in the order of their ends. `gone` are runs that were deleted. A cancelled run is neither a success nor a failure.
 */
export const settle = (
  record: ScheduleRecord,
  ended: ReadonlyArray<EndedRun>,
  gone: ReadonlyArray<string>,
): ScheduleRecord => {
  if (ended.length === 0 && gone.length === 0) return record
  const over = new Set([...gone, ...ended.map(({ runId }) => runId)])
  const openRuns = record.openRuns.filter((runId) => !over.has(runId))
  return ended.toSorted((a, b) => a.finishedAt - b.finishedAt).reduce(afterEnd, { ...record, openRuns })
}
