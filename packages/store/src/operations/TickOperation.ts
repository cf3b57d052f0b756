/** Ticks of schedules: one commit begins the runs that are due and sets the next tick, so no tick is lost and none runs twice. */
import * as Ids from "@runlease/core/Ids"
import { isTerminal, type RunStatus } from "@runlease/core/Run"
import { Effect, Either } from "effect"
import * as ProjectEvents from "../rules/ProjectEvents.js"
import * as ScheduleChecks from "../rules/ScheduleChecks.js"
import * as ScheduleHealth from "../rules/ScheduleHealth.js"
import * as ScheduleRules from "../rules/ScheduleRules.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import type { RunState } from "../rules/RunState.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import * as StoreMetrics from "../commit/StoreMetrics.js"
import { schedules as table, type StoredSchedule } from "../rows/Records.js"
import * as ScheduleRuns from "./ScheduleRuns.js"

/** What a commit reads of schedules: as many, and as many bytes, as it has room for their runs. */
const mostRead = { count: ScheduleRuns.part.runs, bytes: ScheduleRuns.part.bytes }

const refOf = ({ projectId }: ScheduleRules.ScheduleRecord, runId: string) => ({
  projectId: Ids.ProjectId.make(projectId),
  runId: Ids.RunId.make(runId),
})

const endOf = (state: RunState) => ScheduleRules.endOf({ ...state, runId: state.spec.runId })

/** The schedule with the ends of its runs, which the batch has loaded. */
const settled = <X>(
  batch: RunBatch<X>,
  record: ScheduleRules.ScheduleRecord,
): ScheduleRules.ScheduleRecord => {
  const runs = record.openRuns.map((runId) => ({ runId, run: batch.find(refOf(record, runId)) }))
  return ScheduleRules.settle(
    record,
    runs.flatMap(({ run }) => (run === undefined ? [] : (endOf(run.state) ?? []))),
    runs.flatMap(({ run, runId }) => (run === undefined ? [runId] : [])),
  )
}

const lastOf = <X>(batch: RunBatch<X>, record: ScheduleRules.ScheduleRecord): ScheduleRules.LastRun => {
  const run = record.lastRunId === null ? undefined : batch.find(refOf(record, record.lastRunId))
  if (run === undefined || isTerminal(run.state.status)) return "ended"
  const status: RunStatus = run.state.status
  return status === "pending" && run.state.attempt === 0 ? "waiting" : "working"
}

const cancelLast = <X>(batch: RunBatch<X>, record: ScheduleRules.ScheduleRecord): void => {
  const run = record.lastRunId === null ? undefined : batch.find(refOf(record, record.lastRunId))
  if (run === undefined) return
  const ended = RunTransitions.end(run.state, undefined, { status: "cancelled" }, batch.now)
  if (Either.isRight(ended)) batch.apply(run, ended.right)
}

/** A schedule after its tick, and the runs that the tick begins. */
interface Ticked {
  readonly key: number
  record: ScheduleRules.ScheduleRecord
  readonly runs: ReadonlyArray<number>
  /** What the runs get; absent where there are none. */
  readonly source?: ScheduleRuns.Source
}

/** Computes the times of schedules. Many schedules of a commit often have the same. */
const makeTimes = (): typeof ScheduleChecks.timeOf => {
  const made = new Map<string, ReturnType<typeof ScheduleChecks.timeOf>>()
  return (record) => {
    const { endsAt, schedule, startsAt, timezone } = record
    const name = JSON.stringify([schedule, timezone, startsAt, endsAt])
    const time = made.get(name) ?? ScheduleChecks.timeOf(record)
    made.set(name, time)
    return time
  }
}

/**
 * Ticks a schedule. It begins as many of the runs that are due as have room, and the other ticks stay due. Undefined where none has room,
 * unless the commit is empty.
 */
const tickOne = <X>(
  batch: RunBatch<X>,
  { key, record: before }: StoredSchedule,
  timeOf: typeof ScheduleChecks.timeOf,
  {
    isEmpty,
    now,
    room,
  }: { readonly isEmpty: boolean; readonly now: number; readonly room: ScheduleRuns.Room },
): Effect.Effect<Ticked | undefined, X> =>
  Effect.gen(function* () {
    const record = settled(batch, before)
    const time = timeOf(record)
    if (Either.isLeft(time)) {
      return { key, record: ScheduleRules.pause(record, time.left.message, now), runs: [] }
    }
    const last = lastOf(batch, record)
    // The other policies begin two runs at most.
    const isCut = record.concurrencyPolicy === "Allow"
    const tick = (most: number) =>
      ScheduleRules.tick(record, time.right, last, now, isCut ? Math.max(1, most) : undefined)
    let ticked = tick(room.runs)
    if (ticked.plan.runs.length === 0) return { key, record: ticked.record, runs: [] }
    const source = yield* ScheduleRuns.source(batch, record)
    const most = ScheduleRuns.roomIn(room, source)
    if (!isEmpty && most < (isCut ? 1 : ticked.plan.runs.length)) return undefined
    if (isCut && most < ticked.plan.runs.length) ticked = tick(most)
    if (ticked.plan.cancelsLast) cancelLast(batch, record)
    return { key, record: ticked.record, runs: ticked.plan.runs, source }
  })

/** Ticks these schedules in turn until their runs fill a commit. The others stay due. Returns the room that is left too. */
const tickMany = <X>(
  batch: RunBatch<X>,
  due: ReadonlyArray<StoredSchedule>,
  now: number,
): Effect.Effect<{ readonly ticked: ReadonlyArray<Ticked>; readonly room: ScheduleRuns.Room }, X> =>
  Effect.gen(function* () {
    const timeOf = makeTimes()
    const all: Array<Ticked> = []
    let room: ScheduleRuns.Room = ScheduleRuns.part
    let isEmpty = true
    for (const stored of due) {
      const ticked = yield* tickOne(batch, stored, timeOf, { isEmpty, now, room })
      if (ticked === undefined) break
      all.push(ticked)
      const begun = ticked.runs.length
      if (begun > 0) isEmpty = false
      room = { runs: room.runs - begun, bytes: room.bytes - begun * (ticked.source?.bytes ?? 0) }
      if (room.runs <= 0 || room.bytes <= 0) break
    }
    return { ticked: all, room }
  })

/** Records what became of the runs of ticks, and returns those that began. A tick whose run is refused is a failure of its schedule. */
const recordRuns = (
  wanted: ReadonlyArray<{ readonly of: Ticked; readonly run: ScheduleRuns.ScheduledRun }>,
  decisions: Effect.Effect.Success<ReturnType<typeof ScheduleRuns.submit>>,
  now: number,
): ReadonlyArray<ScheduleRuns.ScheduledRun> => {
  const begun: Array<ScheduleRuns.ScheduledRun> = []
  for (const [index, { of, run }] of wanted.entries()) {
    const decision = decisions[index]!
    if (Either.isLeft(decision)) {
      const { _tag: code, message } = decision.left
      of.record = ScheduleRules.refused(of.record, now, { code, message })
    } else if (!decision.right.duplicate) {
      of.record = ScheduleRules.began(of.record, run.publicId, run.at)
      begun.push(run)
    }
  }
  return begun
}

/** What the ticks of a commit came to. */
interface Tally extends StoreMetrics.Ticks {
  /** How many schedules were due. */
  readonly schedules: number
  /** Whether the commit took so long that others wait for it. */
  readonly isLarge: boolean
}

/** Whether more than half of what a commit has room for is in use. */
const isLarge = ({ bytes, runs }: ScheduleRuns.Room): boolean =>
  2 * runs < ScheduleRuns.part.runs || 2 * bytes < ScheduleRuns.part.bytes

const nothing: Tally = { schedules: 0, isLarge: false, lateness: [], missed: 0, overlap: 0 }

/** How many more ticks of a kind the schedules have skipped than before. */
const skippedBy = (
  due: ReadonlyArray<StoredSchedule>,
  ticked: ReadonlyArray<Ticked>,
  kind: "missed" | "overlap",
): number =>
  ticked.reduce((sum, { record }, index) => sum + record.skipped[kind] - due[index]!.record.skipped[kind], 0)

const tickAll = <X>(batch: RunBatch<X>, civilNow: Effect.Effect<number, X>): Effect.Effect<Tally, X> =>
  Effect.gen(function* () {
    const schedules = batch.rows.records(table)
    const now = yield* civilNow
    const found = yield* schedules.due(now, mostRead)
    if (found.length === 0) return nothing
    const open = found.flatMap(({ record }) =>
      [...record.openRuns, ...(record.lastRunId === null ? [] : [record.lastRunId])].map((runId) =>
        refOf(record, runId),
      ),
    )
    if (open.length > 0) yield* batch.load(open)
    const { room, ticked } = yield* tickMany(batch, found, now)
    const due = found.slice(0, ticked.length)
    // A cancelled run leaves its lane before another one enters it.
    yield* batch.settle
    const wanted = ticked.flatMap((of) => {
      const { record, runs, source } = of
      if (source === undefined) return []
      const since = { lastAt: record.lastScheduledAt, backfilled: false }
      return ScheduleRuns.ofTicks(record, runs, since).map((run) => ({ of, source, run }))
    })
    const begun = recordRuns(wanted, yield* ScheduleRuns.submit(batch, wanted), now)
    const updated = ticked.map(({ key, record }) => ({ key, record: ScheduleHealth.judge(record, now) }))
    for (const [index, { record }] of updated.entries()) {
      batch.notify(ProjectEvents.ofSchedule(due[index]!.record, record, now))
    }
    yield* schedules.write({ updated })
    return {
      schedules: due.length,
      isLarge: isLarge(room),
      lateness: begun.map(({ at }) => now - at),
      missed: skippedBy(due, ticked, "missed"),
      overlap: skippedBy(due, ticked, "overlap"),
    }
  })

/** What a part of the ticks that are due came to. */
export type Part = Pick<Tally, "isLarge" | "schedules">

/** Ticks the schedules that are due, a bounded number; returns how many. */
export const operation = <X>(
  civilNow: Effect.Effect<number, X>,
): RunOperation<void, Tally, Part, never, X> => ({
  name: "Tick",
  decide: (requests, batch) =>
    Effect.map(tickAll(batch, civilNow), (tally) =>
      requests.map((_, index) => Either.right(index === 0 ? tally : nothing)),
    ),
  answer: (tally) => {
    StoreMetrics.ticked(tally)
    return tally
  },
})
