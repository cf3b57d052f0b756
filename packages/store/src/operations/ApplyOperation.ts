/** The schedules that a source declares: the difference to those that are stored, in one commit. */
import * as Ids from "@runlease/core/Ids"
import { ScheduleId } from "@runlease/core/Schedule"
import { type AppliedSchedule, type ApplySchedules, InvalidSchedule } from "@runlease/core/Schedules"
import { Effect, Either } from "effect"
import * as ScheduleChecks from "../rules/ScheduleChecks.js"
import * as ScheduleRules from "../rules/ScheduleRules.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { type RecordRows, schedules as table, type StoredSchedule } from "../rows/Records.js"
import { newRecord, redefined } from "./ScheduleOperations.js"

/** `ids` are those of the schedules that may be created, one for each that is declared. */
export interface Request {
  readonly projectId: Ids.ProjectId
  readonly ids: ReadonlyArray<string>
  readonly declared: ApplySchedules
}

/** The most schedules that one source declares. */
const maxSchedules = 1000

const isName = (text: string): boolean => text.length > 0 && text.length <= 128 && !/\p{Cc}/u.test(text)

/** A declaration as it is compared and stored. */
interface Declared extends ScheduleChecks.Checked {
  readonly key: string
  readonly hash: string
  readonly id: string
}

const refuse = (field: string, message: string) => Either.left(new InvalidSchedule({ field, message }))

/** The declarations, all of them right; the times of an unchanged one may be over. */
const checkAll = (
  { declared, ids }: Request,
  stored: ReadonlyMap<string, StoredSchedule>,
  now: number,
): Either.Either<ReadonlyArray<Declared>, InvalidSchedule> => {
  if (!isName(declared.source)) return refuse("source", "must be 1 to 128 characters")
  if (declared.schedules.length > maxSchedules) {
    return refuse("schedules", `a source declares at most ${maxSchedules} schedules`)
  }
  const keys = new Set<string>()
  return Either.all(
    declared.schedules.map(({ key, ...schedule }, index): Either.Either<Declared, InvalidSchedule> => {
      const at = `schedules.${index}`
      if (!isName(key)) return refuse(`${at}.key`, "must be 1 to 128 characters")
      if (keys.has(key))
        return refuse(`${at}.key`, `${key} is declared twice; give each schedule its own key`)
      keys.add(key)
      const before = stored.get(key)?.record
      return Either.gen(function* () {
        const checked = yield* ScheduleChecks.ofNew(schedule, Math.min(before?.createdAt ?? now, now))
        const hash = ScheduleChecks.hashOf(checked.definition)
        if (before?.sourceHash !== hash) yield* ScheduleChecks.withInput(checked)
        return { ...checked, key, hash, id: ids[index]! }
      }).pipe(
        Either.mapLeft(({ field, message }) => new InvalidSchedule({ field: `${at}.${field}`, message })),
      )
    }),
  )
}

/** What is to be written, and what is answered. */
interface Difference {
  readonly inserted: Array<ScheduleRules.ScheduleRecord>
  readonly updated: Array<StoredSchedule>
  readonly removed: Array<number>
  readonly applied: Array<AppliedSchedule>
}

const differenceOf = (
  { declared: { dryRun = false, prune = false, source }, projectId }: Request,
  declared: ReadonlyArray<Declared>,
  stored: ReadonlyMap<string, StoredSchedule>,
  now: number,
): Difference => {
  const difference: Difference = { inserted: [], updated: [], removed: [], applied: [] }
  const answer = (key: string, action: AppliedSchedule["action"], id: string | null) =>
    difference.applied.push({ key, action, scheduleId: id === null ? null : ScheduleId.make(id) })
  for (const { hash, id, key, ...checked } of declared) {
    const before = stored.get(key)
    if (before === undefined) {
      const origin = { source, key, hash, createdBy: null }
      difference.inserted.push(newRecord(checked, { projectId, id }, origin, now))
      answer(key, "created", dryRun ? null : id)
    } else if (before.record.sourceHash === hash) answer(key, "unchanged", before.record.id)
    else {
      const record = { ...redefined(before.record, checked, now), sourceHash: hash }
      difference.updated.push({ key: before.key, record })
      answer(key, "updated", before.record.id)
    }
  }
  const keys = new Set(declared.map(({ key }) => key))
  for (const [key, before] of prune ? stored : []) {
    if (keys.has(key)) continue
    difference.removed.push(before.key)
    answer(key, "removed", before.record.id)
  }
  return difference
}

const write = <X>(
  schedules: RecordRows<ScheduleRules.ScheduleRecord, X>,
  { inserted, removed, updated }: Difference,
): Effect.Effect<void, X> =>
  Effect.gen(function* () {
    if (inserted.length > 0) yield* schedules.insert(inserted)
    if (updated.length > 0) yield* schedules.update(updated)
    if (removed.length > 0) yield* schedules.remove(removed)
  })

const applyOne = <X>(
  request: Request,
  schedules: RecordRows<ScheduleRules.ScheduleRecord, X>,
  now: number,
): Effect.Effect<Either.Either<ReadonlyArray<AppliedSchedule>, InvalidSchedule>, X> =>
  Effect.gen(function* () {
    const { declared, projectId } = request
    const found = yield* schedules.all(projectId, "source", declared.source)
    const stored = new Map(found.map((schedule) => [schedule.record.sourceTriggerId ?? "", schedule]))
    const checked = checkAll(request, stored, now)
    if (Either.isLeft(checked)) return Either.left(checked.left)
    const difference = differenceOf(request, checked.right, stored, now)
    if (declared.dryRun !== true) yield* write(schedules, difference)
    return Either.right(difference.applied)
  })

export const operation = <X>(): RunOperation<
  Request,
  ReadonlyArray<AppliedSchedule>,
  ReadonlyArray<AppliedSchedule>,
  InvalidSchedule,
  X
> => ({
  name: "Schedules.apply",
  decide: (requests, { rows }) =>
    Effect.flatMap(rows.civilNow, (now) =>
      Effect.forEach(requests, (request) => applyOne(request, rows.records(table), now)),
    ),
  answer: (applied) => applied,
})
