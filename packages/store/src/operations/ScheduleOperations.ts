/** Changes of schedules, each in a commit of the store. */
import type * as Ids from "@runlease/core/Ids"
import type { Run } from "@runlease/core/Run"
import {
  type Backfilled,
  type InvalidSchedule,
  type NewSchedule,
  RevisionMismatch,
  type ScheduleChanges,
  ScheduleNotFound,
  ScheduleOfSource,
} from "@runlease/core/Schedules"
import { Effect, Either } from "effect"
import * as ProjectEvents from "../rules/ProjectEvents.js"
import * as ScheduleChecks from "../rules/ScheduleChecks.js"
import * as ScheduleRules from "../rules/ScheduleRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { type RecordRef, schedules as table } from "../rows/Records.js"
import * as ScheduleRuns from "./ScheduleRuns.js"
import type { Decision } from "./Submit.js"

/** An operation whose requests are decided one after the other, each seeing what those before it have written. */
const inTurn = <Request, A, E, X>(
  name: string,
  civilNow: Effect.Effect<number, X>,
  decide: (request: Request, batch: RunBatch<X>, now: number) => Effect.Effect<Either.Either<A, E>, X>,
): RunOperation<Request, A, A, E, X> => ({
  name,
  decide: (requests, batch) =>
    Effect.flatMap(civilNow, (now) => Effect.forEach(requests, (request) => decide(request, batch, now))),
  answer: (decision) => decision,
})

/** Where a new schedule comes from. */
export interface Origin {
  readonly source: string | null
  readonly key: string | null
  readonly hash: string | null
  readonly createdBy: string | null
}

export interface Creation {
  readonly projectId: Ids.ProjectId
  readonly id: string
  readonly schedule: NewSchedule
}

/** A schedule that begins now. */
export const newRecord = (
  { definition, time }: ScheduleChecks.Checked,
  { projectId, id }: Pick<Creation, "projectId" | "id">,
  { createdBy, hash, key, source }: Origin,
  now: number,
): ScheduleRules.ScheduleRecord =>
  ScheduleRules.startFrom(
    {
      ...definition,
      id,
      projectId,
      status: "active",
      revision: 1,
      definitionSource: source === null ? "manual" : "source",
      source,
      sourceTriggerId: key,
      sourceHash: hash,
      nextAt: null,
      nextNominal: null,
      lastScheduledAt: null,
      lastRunId: null,
      lastSuccessfulAt: null,
      lastFailureAt: null,
      lastFailureCode: null,
      lastFailureMessage: null,
      lastFailureRunId: null,
      runCount: 0,
      skipped: { overlap: 0, missed: 0 },
      completedAt: null,
      pausedAt: null,
      pausedReason: null,
      createdBy,
      createdAt: now,
      updatedAt: now,
      openRuns: [],
      failures: 0,
    },
    time,
    now,
  )

/** A schedule with another definition. Its next tick stays where its times do, and otherwise comes after now. */
export const redefined = (
  record: ScheduleRules.ScheduleRecord,
  { definition, time }: ScheduleChecks.Checked,
  now: number,
): ScheduleRules.ScheduleRecord => {
  const changed = { ...record, ...definition, revision: record.revision + 1, updatedAt: now }
  const stays =
    ScheduleChecks.ticksAlike(record, definition) &&
    record.maxRuns === definition.maxRuns &&
    record.windowSeconds === definition.windowSeconds
  return stays ? changed : ScheduleRules.startFrom(changed, time, now)
}

export const create = <X>(
  civilNow: Effect.Effect<number, X>,
): RunOperation<Creation, ScheduleRules.ScheduleRecord, ScheduleRules.ScheduleRecord, InvalidSchedule, X> =>
  inTurn("Schedules.create", civilNow, ({ schedule, ...names }, { rows }, now) => {
    const checked = Either.flatMap(ScheduleChecks.ofNew(schedule, now), ScheduleChecks.withInput)
    if (Either.isLeft(checked)) return Effect.succeed(Either.left(checked.left))
    const origin = { source: null, key: null, hash: null, createdBy: schedule.createdBy ?? null }
    const record = newRecord(checked.right, names, origin, now)
    return Effect.as(rows.records(table).write({ inserted: [record] }), Either.right(record))
  })

/** A change of one schedule. `null` removes it. */
export interface Change<E> {
  readonly ref: RecordRef
  readonly revision: number | undefined
  /** Whether a schedule of a source takes the change too. */
  readonly ofSource: boolean
  readonly change: (
    record: ScheduleRules.ScheduleRecord,
    now: number,
  ) => Either.Either<ScheduleRules.ScheduleRecord | null, E>
}

export type ChangeRefusal = InvalidSchedule | RevisionMismatch | ScheduleNotFound | ScheduleOfSource

const refusalOf = <E>(
  { ofSource, revision }: Change<E>,
  record: ScheduleRules.ScheduleRecord,
): Either.Either<void, RevisionMismatch | ScheduleOfSource> => {
  if (revision !== undefined && revision !== record.revision) {
    return Either.left(new RevisionMismatch({ scheduleId: record.id, revision: record.revision }))
  }
  return ofSource || record.source === null
    ? Either.void
    : Either.left(new ScheduleOfSource({ scheduleId: record.id, source: record.source }))
}

type Changed = Either.Either<ScheduleRules.ScheduleRecord, ChangeRefusal>

export const change = <X>(
  civilNow: Effect.Effect<number, X>,
): RunOperation<
  Change<InvalidSchedule>,
  ScheduleRules.ScheduleRecord,
  ScheduleRules.ScheduleRecord,
  ChangeRefusal,
  X
> =>
  inTurn("Schedules.change", civilNow, (request, batch, now) => {
    const schedules = batch.rows.records(table)
    return Effect.flatMap(schedules.find(request.ref), (found): Effect.Effect<Changed, X> => {
      if (found === undefined) {
        return Effect.succeed(Either.left(new ScheduleNotFound({ scheduleId: request.ref.id })))
      }
      const { key, record: before } = found
      const changed = Either.flatMap(refusalOf(request, before), () => request.change(before, now))
      if (Either.isLeft(changed)) return Effect.succeed(Either.left(changed.left))
      const record = changed.right
      if (record === null) return Effect.as(schedules.write({ removed: [key] }), Either.right(before))
      batch.notify(ProjectEvents.ofSchedule(before, record, now))
      return Effect.as(
        record === before ? Effect.void : schedules.write({ updated: [{ key, record }] }),
        Either.right(record),
      )
    })
  })

/** Changes the definition. */
export const redefine =
  (changes: ScheduleChanges): Change<InvalidSchedule>["change"] =>
  (record, now) =>
    Either.map(ScheduleChecks.ofChanges(record, changes, now), (checked) => redefined(record, checked, now))

/** Which runs of a schedule begin at a request: at these times of the past, or one now. */
export interface Call {
  readonly ref: RecordRef
  readonly runsOf: (
    record: ScheduleRules.ScheduleRecord,
    now: number,
  ) => Either.Either<ReadonlyArray<ScheduleRuns.ScheduledRun>, InvalidSchedule>
}

/** A run that a call has begun, or found. */
export interface Called extends Pick<Backfilled["ticks"][number], "duplicate"> {
  readonly nominal: number
  readonly runId: string
  readonly answered: Decision["answered"]
}

/** The runs of a call, of as many as one commit begins; `left` are the others. `bytes`: the bytes of those that have begun. */
export interface Part {
  readonly record: ScheduleRules.ScheduleRecord
  readonly called: ReadonlyArray<Called>
  readonly left: number
  readonly bytes: number
}

export type CallRefusal = InvalidSchedule | ScheduleNotFound | ScheduleRuns.Refusal

const callOne = <X>(
  { ref, runsOf }: Call,
  batch: RunBatch<X>,
  now: number,
): Effect.Effect<Either.Either<Part, CallRefusal>, X> =>
  Effect.gen(function* () {
    const schedules = batch.rows.records(table)
    const found = yield* schedules.find(ref)
    if (found === undefined) return Either.left(new ScheduleNotFound({ scheduleId: ref.id }))
    const all = runsOf(found.record, now)
    if (Either.isLeft(all)) return Either.left(all.left)
    const source = yield* ScheduleRuns.source(batch, found.record)
    const runs = all.right.slice(0, Math.max(1, ScheduleRuns.roomIn(ScheduleRuns.part, source)))
    const wanted = runs.map((run) => ({ source, run }))
    const decisions = Either.all(yield* ScheduleRuns.submit(batch, wanted))
    // Each refusal is of the schedule, so it is that of all of its runs, and none has begun.
    if (Either.isLeft(decisions)) return Either.left(decisions.left)
    let { record } = found
    const called = decisions.right.map(({ answered, duplicate }, index): Called => {
      const { nominal, publicId } = runs[index]!
      if (!duplicate) {
        const { lastScheduledAt } = record
        const begun = ScheduleRules.began(record, publicId, now)
        record = { ...begun, lastScheduledAt }
      }
      return { nominal, runId: publicId, duplicate, answered }
    })
    if (record !== found.record) yield* schedules.write({ updated: [{ key: found.key, record }] })
    const begun = called.filter(({ duplicate }) => !duplicate)
    return Either.right({
      record,
      called,
      left: all.right.length - runs.length,
      bytes: begun.length * source.bytes,
    })
  })

/** What a call has begun: see `Part`. */
export interface Begun extends Omit<Part, "called"> {
  readonly runs: ReadonlyArray<{ readonly nominal: number; readonly duplicate: boolean; readonly run: Run }>
}

/** Begins runs at a request, as many as one commit begins. */
export const call = <X>(
  civilNow: Effect.Effect<number, X>,
): RunOperation<Call, Part, Begun, CallRefusal, X> => ({
  name: "Schedules.call",
  decide: inTurn<Call, Part, CallRefusal, X>("Schedules.call", civilNow, callOne).decide,
  answer: ({ called, ...part }) => ({
    ...part,
    runs: called.map(({ answered, duplicate, nominal }) => ({ nominal, duplicate, run: answered() })),
  }),
})
