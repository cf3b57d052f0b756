/** The port of schedules over a store. */
import { sha256 } from "@runlease/core/Digest"
import * as Ids from "@runlease/core/Ids"
import { keysOf } from "@runlease/core/Page"
import { Schedule, ScheduleId } from "@runlease/core/Schedule"
import {
  type AppliedSchedule,
  type ApplySchedules,
  type BackfilledTick,
  type BackfillRequest,
  InvalidSchedule,
  ScheduleNotFound,
  type Schedules,
} from "@runlease/core/Schedules"
import { DateTime, Effect, Either, Schema } from "effect"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as Turns from "../commit/Turns.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import {
  findRecord,
  type RecordRows,
  schedules as table,
  schedules,
  type StoredSchedule,
} from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as CronTime from "../rules/CronTime.js"
import * as ScheduleChecks from "../rules/ScheduleChecks.js"
import * as ScheduleHealth from "../rules/ScheduleHealth.js"
import * as ScheduleRules from "../rules/ScheduleRules.js"
import * as ScheduleOperations from "./ScheduleOperations.js"
import { newRecord, redefined } from "./ScheduleOperations.js"
import * as ScheduleRuns from "./ScheduleRuns.js"

/** `ids` are those of the schedules that may be created, one for each that is declared. */
interface Request {
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
    if (declared.dryRun !== true) yield* schedules.write(difference)
    return Either.right(difference.applied)
  })

/** The schedules that a source declares: the difference to those that are stored, in one commit. */
export const operation = <X>(
  civilNow: Effect.Effect<number, X>,
): RunOperation<
  Request,
  ReadonlyArray<AppliedSchedule>,
  ReadonlyArray<AppliedSchedule>,
  InvalidSchedule,
  X
> => ({
  name: "Schedules.apply",
  decide: (requests, { rows }) =>
    Effect.flatMap(civilNow, (now) =>
      Effect.forEach(requests, (request) => applyOne(request, rows.records(table), now)),
    ),
  answer: (applied) => applied,
})

const decode = Schema.decodeSync(Schedule)

const toSchedule = ({
  failures: _failures,
  openRuns: _openRuns,
  stale: _stale,
  ...schedule
}: ScheduleRules.ScheduleRecord) => decode(schedule)

/** A schedule with the ends of its runs, which are written with its next tick. */
const readEnds = <X>({ reads }: RunStore<X>, { record }: StoredSchedule) =>
  Effect.map(
    Effect.forEach(record.openRuns, (runId) =>
      Effect.map(
        reads.run({ projectId: Ids.ProjectId.make(record.projectId), runId: Ids.RunId.make(runId) }),
        (run) => ({ runId, run }),
      ),
    ),
    (runs) =>
      ScheduleRules.settle(
        record,
        runs.flatMap(({ run }) =>
          run === undefined
            ? []
            : (ScheduleRules.endOf({
                ...run,
                finishedAt: run.finishedAt && DateTime.toEpochMillis(run.finishedAt),
              }) ?? []),
        ),
        [],
      ),
  )

/** The most bytes of payloads that the runs of one backfill have together. */
const maxBackfillBytes = 64 * 1024 * 1024

const countWithin = (count: number | undefined, most: number, absent: number): number =>
  Math.min(most, Math.max(1, Math.floor(count ?? absent)))

/** The ticks of the past that a backfill names. */
const pastTicks =
  ({ from, limit, to }: BackfillRequest): ScheduleOperations.Call["runsOf"] =>
  (record, now) => {
    const [first, last] = [DateTime.toEpochMillis(from), DateTime.toEpochMillis(to)]
    const refuse = (field: string, message: string) => Either.left(new InvalidSchedule({ field, message }))
    if (first > last) return refuse("from", "must not be after to")
    if (last >= now) return refuse("to", "must be past; ticks to come run by themselves")
    return Either.map(ScheduleChecks.timeOf(record), (time) => {
      const ticks = CronTime.upcoming(time, first - 1, countWithin(limit, 1000, 100)).filter(
        (tick) => tick <= last,
      )
      return ScheduleRuns.ofTicks(record, ticks, { lastAt: null, backfilled: true })
    })
  }

/** Whether a tick up to `to` comes after another one. */
const isMore = (record: ScheduleRules.ScheduleRecord, after: number, to: DateTime.Utc): boolean =>
  Either.match(ScheduleChecks.timeOf(record), {
    onLeft: () => false,
    onRight: ({ next }) => (next(after) ?? Number.POSITIVE_INFINITY) <= DateTime.toEpochMillis(to),
  })

/** One run at the time of the call. */
const runNow =
  (name: string): ScheduleOperations.Call["runsOf"] =>
  (record, now) =>
    Either.right([
      {
        publicId: `schedule:${record.id}:run:${name}`,
        nominal: now,
        at: now,
        lastAt: record.lastScheduledAt,
        backfilled: false,
      },
    ])

/** Refusals that the submission of a scheduled run cannot have: it has no parent, waits for its lane, and is accepted by full limits. */
const impossible = {
  RunNotFound: Effect.die,
  ConversationBusy: Effect.die,
  MessageRefused: Effect.die,
  TooManyPending: Effect.die,
  // Another program has submitted a run with this public id.
  SubmissionConflict: ({ message }: { readonly message: string }) =>
    new InvalidSchedule({ field: "id", message }),
  InvalidSubmission: ({ field, message }: { readonly field: string; readonly message: string }) =>
    new InvalidSchedule({ field, message }),
}

/** The port of schedules of any project. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
): ((projectId: Ids.ProjectId) => Schedules["Type"]) => {
  const create = commits.operation(ScheduleOperations.create(store.civilNow))
  const change = commits.operation(ScheduleOperations.change(store.civilNow))
  const call = commits.operation(ScheduleOperations.call(store.civilNow))
  const apply = commits.operation(operation(store.civilNow))
  const { read } = StoreReads.reading(store)

  return (projectId) => {
    const find = (operation: string, scheduleId: string) =>
      Effect.flatMap(
        read(operation, ({ records }) => findRecord(records(schedules), { projectId, id: scheduleId })),
        (found) => (found === undefined ? new ScheduleNotFound({ scheduleId }) : Effect.succeed(found)),
      )
    const withEnds = (operation: string, stored: StoredSchedule) =>
      Effect.map(
        read(operation, () => readEnds(store, stored)),
        toSchedule,
      )
    const changed = (request: Omit<ScheduleOperations.Change<InvalidSchedule>, "ref">, scheduleId: string) =>
      Effect.map(change({ ...request, ref: { projectId, id: scheduleId } }), toSchedule)

    return {
      create: Effect.fnUntraced(function* (schedule) {
        const id = yield* Ids.uuidV7
        return toSchedule(yield* create({ projectId, id, schedule }))
      }),

      get: (scheduleId) =>
        Effect.flatMap(find("Schedules.get", scheduleId), (found) => withEnds("Schedules.get", found)),

      list: Effect.fnUntraced(function* (options = {}) {
        const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
        const limit = KeysetPage.limitOf(options)
        const { source, sourceTriggerId, stale, status } = options
        const filter = { source, source_key: sourceTriggerId, stale: stale === true ? 1 : undefined, status }
        const found = yield* read("Schedules.list", ({ records }) =>
          records(schedules).list(projectId, filter, { before, limit }),
        )
        const now = yield* read("Schedules.list", () => store.civilNow)
        const rows = yield* Effect.forEach(found.slice(0, limit), (stored) =>
          Effect.map(
            read("Schedules.list", () => readEnds(store, stored)),
            (record) => ({ key: stored.key, record }),
          ),
        )
        const page = KeysetPage.pageWith(
          { rows, more: found.length > limit },
          ({ key }) => [key],
          ({ record }) => record,
        )
        // A run of a stale schedule may have succeeded since its last tick.
        const isListed = (record: ScheduleRules.ScheduleRecord) =>
          options.stale !== true || ScheduleHealth.isStale(record, now)
        return { ...page, items: page.items.filter(isListed).map(toSchedule) }
      }),

      update: (scheduleId, changes, { revision } = {}) =>
        changed({ revision, ofSource: false, change: ScheduleOperations.redefine(changes) }, scheduleId),

      pause: (scheduleId, { reason, revision } = {}) =>
        changed(
          {
            revision,
            ofSource: true,
            change: (record, now) =>
              Either.right(
                record.status === "paused"
                  ? record
                  : ScheduleRules.pause(record, reason?.slice(0, 500) ?? null, now),
              ),
          },
          scheduleId,
        ).pipe(Effect.catchTags({ InvalidSchedule: Effect.die, ScheduleOfSource: Effect.die })),

      resume: (scheduleId, { revision } = {}) =>
        changed(
          {
            revision,
            ofSource: true,
            change: (record, now) =>
              record.status === "active"
                ? Either.right(record)
                : Either.map(ScheduleChecks.timeOf(record), (time) =>
                    ScheduleRules.resume(record, time, now),
                  ),
          },
          scheduleId,
        ).pipe(Effect.catchTags({ InvalidSchedule: Effect.die, ScheduleOfSource: Effect.die })),

      remove: (scheduleId, { revision } = {}) =>
        Effect.asVoid(
          changed({ revision, ofSource: false, change: () => Either.right(null) }, scheduleId),
        ).pipe(Effect.catchTag("InvalidSchedule", Effect.die)),

      runNow: Effect.fnUntraced(function* (scheduleId, { idempotencyKey } = {}) {
        const name = idempotencyKey === undefined ? yield* Ids.uuidV7 : sha256(idempotencyKey).slice(0, 32)
        const { runs } = yield* call({ ref: { projectId, id: scheduleId }, runsOf: runNow(name) }).pipe(
          Effect.catchTags(impossible),
        )
        return { run: runs[0]!.run, duplicate: runs[0]!.duplicate }
      }),

      upcoming: (scheduleId, count) =>
        Effect.gen(function* () {
          const { record } = yield* find("Schedules.upcoming", scheduleId)
          const now = yield* read("Schedules.upcoming", () => store.civilNow)
          const share = ScheduleRules.shareOf(record)
          return Either.match(ScheduleChecks.timeOf(record), {
            onLeft: () => [],
            onRight: (time) =>
              CronTime.upcoming(time, now, countWithin(count, 100, 10)).map((nominal) => ({
                nominalAt: DateTime.unsafeMake(nominal),
                at: DateTime.unsafeMake(nominal + share),
              })),
          })
        }),

      backfill: Effect.fnUntraced(function* (scheduleId, { from, limit, to }) {
        const ref = { projectId, id: scheduleId }
        const ticks: Array<BackfilledTick> = []
        let next: BackfillRequest = { from, to, limit: countWithin(limit, 1000, 100) }
        let bytes = 0
        for (;;) {
          const part = yield* call({ ref, runsOf: pastTicks(next) }).pipe(Effect.catchTags(impossible))
          for (const { duplicate, nominal, run } of part.runs)
            ticks.push({ nominalAt: DateTime.unsafeMake(nominal), runId: run.runId, duplicate })
          bytes += part.bytes
          const last = part.runs.at(-1)?.nominal
          if (last === undefined || part.left === 0 || bytes >= maxBackfillBytes) {
            return { ticks, more: last !== undefined && isMore(part.record, last, to) }
          }
          next = { from: DateTime.unsafeMake(last + 1), to, limit: part.left }
          yield* Turns.letOthersGo(commits)
        }
      }),

      apply: Effect.fnUntraced(function* (declared) {
        const ids = yield* Effect.replicateEffect(Ids.uuidV7, declared.schedules.length)
        return yield* apply({ projectId, ids, declared })
      }),
    }
  }
}
