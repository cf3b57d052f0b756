/**
 * Bulk operations in commits: each works on some runs, and moves its operation on, so a server that dies loses nothing and does nothing
 * twice.
 *
 * Source: docs/decisions/0103-bulk-operations.md
 */
import { BulkFilter, NewTrial } from "@runlease/core/BulkOperation"
import { BulkNotFound } from "@runlease/core/BulkOperations"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import type { Run, RunError, RunNotFound } from "@runlease/core/Run"
import {
  again,
  check,
  type EditRefused,
  type ForkRefused,
  type RetryRefused,
  type SubmissionInput,
} from "@runlease/core/Runs"
import { snakeCase } from "@runlease/core/SnakeCase"
import { Array, Effect, Either, Function, Schema } from "effect"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import { logKey } from "../commit/Wakeups.js"
import { conditionsOf, mostAtOnce, needsOf, startOf } from "../rows/FilterSearch.js"
import { bulkOperations as table, type RecordRef } from "../rows/Records.js"
import type { ClaimDetails, RunKey, RunRef, StoredRun } from "../rows/RunRows.js"
import type { Reading } from "../rows/StoreReads.js"
import * as BulkRules from "../rules/BulkRules.js"
import * as ProjectEvents from "../rules/ProjectEvents.js"
import * as LabelRules from "../rules/LabelRules.js"
import * as RolloutRules from "../rules/RolloutRules.js"
import { type RunState, toRun } from "../rules/RunState.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import * as LabelOperation from "./LabelOperation.js"
import * as LeaseOperations from "./LeaseOperations.js"
import { maxLength } from "./RecordReads.js"
import * as Retry from "./Retry.js"
import * as StoreRollouts from "./StoreRollouts.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"
import { type Seed, unseeded } from "./SubmitRequest.js"
import * as TrialFork from "./TrialFork.js"

// What the retries of a part of a bulk operation begin with. It is read between two commits: the first finds the runs, the second submits
// them again.
//
// Source: docs/decisions/0122-retry-keeps-records.md

type Unseeded = RetryRefused | ForkRefused | EditRefused | RunNotFound

/** What a run is submitted again with. `submission`: that of a trial. */
interface Start {
  readonly seed: Seed
  readonly submission?: SubmissionInput
}

/** What some runs begin with, by the names of their logs. */
type Seeds = ReadonlyMap<string, Either.Either<Start, Unseeded>>

/** Nothing is read yet. */
export const none: Seeds = new Map()

/** How many runs are read at once. */
const atOnce = 8

/** A log that was opened and closed has nothing to begin with. */
const isBare = ({ latestEventId }: Pick<RunState, "latestEventId">): boolean => latestEventId <= Retry.bareLog

/** Whether what the retry of a run begins with is to be read. */
const lacksSeed = (
  { action }: Pick<BulkRules.BulkRecord, "action">,
  seeds: Seeds,
  state: Pick<RunState, "latestEventId" | "spec">,
): boolean => (action === "trial" || !isBare(state)) && !seeds.has(logKey(state.spec))

/** What the retry of a run begins with, where it is not to be read. */
const seedOf = (seeds: Seeds, { spec }: Pick<RunState, "spec">): Either.Either<Start, Unseeded> =>
  seeds.get(logKey(spec)) ?? Either.right({ seed: unseeded })

const isRefusal = (error: Unseeded | ControlPlaneUnavailable): error is Unseeded =>
  error._tag !== "ControlPlaneUnavailable"

const decodeTrial = Schema.decodeSync(NewTrial)

/** What the retry of one of these runs begins with, or its run of a trial. */
const startOfRun = <X>(
  reads: Reading<X>,
  operation: string,
  record: BulkRules.BulkRecord,
): ((run: Run) => Effect.Effect<Start & { readonly length: number }, Unseeded | ControlPlaneUnavailable>) => {
  if (record.trial === undefined) return (run) => Retry.beginningOf(reads, operation, run)
  const trial = decodeTrial(record.trial)
  const share = BulkRules.shareOf(trial.budget, record.named ?? 1)
  return (run) =>
    TrialFork.make(reads, operation, run, trial, { share, publicId: BulkRules.retryId(record, run.runId) })
}

/** Reads what these runs give their retries: of the first of them, as much as one commit copies. */
export const read = <X>(
  reads: Reading<X>,
  operation: string,
  record: BulkRules.BulkRecord,
  runs: ReadonlyArray<RunRef>,
): Effect.Effect<Seeds, ControlPlaneUnavailable> =>
  Effect.gen(function* () {
    const seeds = new Map<string, Either.Either<Start, Unseeded>>()
    const startOf = startOfRun(reads, operation, record)
    const readOne = (ref: RunRef) =>
      reads
        .named(operation, ref, ({ run }, found) => run(found))
        .pipe(
          Effect.flatMap(startOf),
          Effect.map(({ length, ...start }) => ({ length, seed: Either.right(start) })),
          Effect.catchIf(isRefusal, (refusal) => Effect.succeed({ length: 0, seed: Either.left(refusal) })),
          Effect.map((begun) => ({ ...begun, name: logKey(ref) })),
        )
    let length = 0
    for (const some of Array.chunksOf(runs, atOnce)) {
      for (const begun of yield* Effect.forEach(some, readOne, { concurrency: "unbounded" })) {
        length += begun.length
        if (length > maxLength && seeds.size > 0) return seeds
        seeds.set(begun.name, begun.seed)
      }
    }
    return seeds
  })

// The runs of the next part of a bulk operation.

/** A run of a part by the name that has found it. `run` is undefined where no run has that name. */
interface Target {
  readonly name: Ids.RunId
  readonly run: StoredRun | undefined
}

/** The runs of a part, in the order in which they are changed. They are locked, and in the batch. */
interface Targets extends Pick<BulkRules.Part, "from" | "to" | "runIds" | "searched" | "ended"> {
  readonly targets: ReadonlyArray<Target>
}

/** The keys that are left after the run that was looked at last. */
const keysAfter = (record: BulkRules.BulkRecord, last: RunKey | undefined) => {
  const { from, to } = record
  if (last === undefined) return { from, to }
  return BulkRules.isOldestFirst(record) ? { from: last + 1, to } : { from, to: last }
}

const decodeFilter = Schema.decodeSync(BulkFilter)

const ofFilter = <X>(
  { add, rows }: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
): Effect.Effect<Targets, X> =>
  Effect.gen(function* () {
    const filter = decodeFilter(record.filter ?? {})
    const projectId = Ids.ProjectId.make(record.projectId)
    const whole = {
      least: record.from,
      before: record.to,
      limit: most,
      // Claims take the oldest runs, and a cancellation stays out of their way.
      oldestFirst: BulkRules.isOldestFirst(record),
    }
    const start = yield* startOf(rows.filters, projectId, filter, whole)
    const conditions = conditionsOf(filter, start)
    const needs = needsOf(filter, start)
    const limit = conditions.length === 0 ? most : Math.max(most, mostAtOnce(needs))
    const range = { ...whole, limit }
    let some: ReadonlyArray<RunKey>
    let matching: ReadonlyArray<RunKey>
    if (conditions.length === 0) {
      some = matching = yield* rows.filters.keys(projectId, start, range)
    } else {
      const candidates = yield* rows.filters.candidates(projectId, start, range, needs)
      some = candidates.map(({ key }) => key)
      matching = candidates.flatMap((run) => (conditions.every((matches) => matches(run)) ? [run.key] : []))
    }
    const searched = matching.length > most ? some.indexOf(matching[most]!) : some.length
    const keys = matching.slice(0, most)
    const found = keys.length === 0 ? [] : yield* rows.findKeys(keys, "all")
    const runs = new Map(found.map((run) => [run.key, add(run)]))
    return {
      ...keysAfter(record, some[searched - 1]),
      runIds: null,
      searched,
      ended: searched === some.length && some.length < limit,
      targets: keys.flatMap((key): ReadonlyArray<Target> => {
        const run = runs.get(key)
        // It may have changed since it was looked at, or be gone.
        return run !== undefined && BulkRules.stillMatches(record.filter, run.state)
          ? [{ name: run.state.spec.runId, run }]
          : []
      }),
    }
  })

const ofNames = <X>(
  { add, flush, rows }: RunBatch<X>,
  record: BulkRules.BulkRecord,
  runIds: ReadonlyArray<string>,
  most: number,
): Effect.Effect<Targets, X> =>
  Effect.gen(function* () {
    const projectId = Ids.ProjectId.make(record.projectId)
    const names = runIds.slice(0, most).map((runId) => Ids.RunId.make(runId))
    yield* flush("inputs")
    const found = yield* rows.findNamed(names.map((runId) => ({ projectId, runId })))
    const runs = new Map(found.map(({ name, run }) => [name.runId, add(run)]))
    const left = runIds.slice(most)
    return {
      from: record.from,
      to: record.to,
      runIds: left,
      searched: names.length,
      ended: left.length === 0,
      targets: names.map((name) => ({ name, run: runs.get(name) })),
    }
  })

/** The runs of the next part, at most `most`. */
export const find = <X>(
  batch: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
): Effect.Effect<Targets, X> =>
  record.runIds === null ? ofFilter(batch, record, most) : ofNames(batch, record, record.runIds, most)

/**
 * The same without the runs that are too large to go into this part. Those of a filter go from the lowest key on, so what is left out
 * comes last.
 */
const without = (found: Targets, isLeftOut: (target: Target) => boolean): Targets => {
  const out = found.targets.filter(isLeftOut)
  const [first] = out
  if (first === undefined) return found
  const targets = found.targets.filter((target) => !isLeftOut(target))
  const later = found.runIds === null ? {} : { runIds: [...out.map(({ name }) => name), ...found.runIds] }
  return {
    ...found,
    ...later,
    ...(found.runIds === null ? { from: first.run!.key } : {}),
    searched: found.searched - out.length,
    ended: false,
    targets,
  }
}

// What a bulk operation does to the runs of one part, which are in the batch.

type Record = BulkRules.BulkRecord

/** The targets that a part has read, and what became of each. `unread`: those that it left, since it does not have what they begin with. */
interface Done {
  readonly targets: Targets
  readonly verdicts: ReadonlyArray<BulkRules.Verdict>
  readonly unread?: ReadonlyArray<RunRef>
}

const failure = (
  runId: Ids.RunId,
  { _tag, message }: { readonly _tag: string; readonly message: string },
): BulkRules.Verdict => ({ runId, code: snakeCase(_tag).slice(1), message })

const notFound = (runId: Ids.RunId): BulkRules.Verdict =>
  failure(runId, { _tag: "RunNotFound", message: `Run ${runId} does not exist` })

/** Why a run is cancelled, where the operation has a reason. */
const errorOf = ({ reason }: Record): RunError | undefined =>
  reason === null ? undefined : { code: "bulk_cancelled", message: reason }

const cancel = <X>(batch: RunBatch<X>, record: Record, targets: Targets): Effect.Effect<Done, X> => {
  const error = errorOf(record)
  const outcome = { status: "cancelled", ...(error === undefined ? {} : { error }) } as const
  const cancelOne = ({ name, run }: Target): BulkRules.Verdict => {
    if (run === undefined) return notFound(name)
    if (record.dryRun) return BulkRules.isSkipped(record, run.state) ? "skipped" : "done"
    const ended = LeaseOperations.end(batch, { ref: run.state.spec, outcome, fence: undefined })
    return Either.match(ended, {
      onLeft: (refusal) => failure(name, refusal),
      onRight: (changed) => (changed ? "done" : "skipped"),
    })
  }
  const refs = targets.targets.flatMap(({ run }) => (run === undefined ? [] : [run.state.spec]))
  return Effect.zipRight(
    record.dryRun ? Effect.void : LeaseOperations.loadAbove(batch, refs),
    Effect.map(batch.inTurn(targets.targets, cancelOne), (verdicts) => ({ targets, verdicts })),
  )
}

const isSame = (before: object, after: object): boolean => JSON.stringify(before) === JSON.stringify(after)

const label = <X>(batch: RunBatch<X>, record: Record, targets: Targets): Effect.Effect<Done, X> => {
  const runs = targets.targets.flatMap(({ run }) => run ?? [])
  return Effect.map(LabelOperation.labelsOf(batch, runs), (labels) => ({
    targets,
    verdicts: targets.targets.map(({ name, run }): BulkRules.Verdict => {
      if (run === undefined) return notFound(name)
      const before = labels.get(run.key)!
      const changed = LabelRules.changed(run.state.spec.runId, before, record.labels ?? {})
      if (Either.isLeft(changed)) return failure(name, changed.left)
      const after = changed.right
      if (isSame(before, after)) return "skipped"
      if (!record.dryRun) {
        batch.describe(run, { labels: { before, after } })
        labels.set(run.key, after)
      }
      return "done"
    }),
  }))
}

/** Moves runs of one version to another, but for those that a rollout routes. A run that a worker holds refuses. */
const move = <X>(batch: RunBatch<X>, record: Record, targets: Targets): Effect.Effect<Done, X> =>
  Effect.map(StoreRollouts.ofProjects(batch, new Set([record.projectId])), (rollouts) => ({
    targets,
    verdicts: targets.targets.map(({ name, run }): BulkRules.Verdict => {
      if (run === undefined) return notFound(name)
      const moved = RolloutRules.isMovable(rollouts, run.state)
        ? RunTransitions.moveVersion(run.state, record.move!, batch.now)
        : undefined
      if (moved === undefined) return "skipped"
      if (moved === "claimed")
        return { runId: name, code: "run_claimed", message: "A worker holds it; drain that first" }
      if (!record.dryRun) batch.apply(run, moved)
      return "done"
    }),
  }))

/** Brings runs to the versions that the rollouts of their agents have for them. */
const route = <X>(batch: RunBatch<X>, record: Record, targets: Targets): Effect.Effect<Done, X> =>
  Effect.map(StoreRollouts.ofProjects(batch, new Set([record.projectId])), (rollouts) => ({
    targets,
    verdicts: targets.targets.map(({ run }): BulkRules.Verdict => {
      const routed = run && RolloutRules.reroute(rollouts, run.state)
      if (routed === undefined) return "skipped"
      batch.apply(run!, routed)
      return "done"
    }),
  }))

type Refusal = Submit.Refusal | Unseeded

/** A run that is to be submitted once more. */
type Submitting = Either.Either<SubmitRequest.Request, Refusal>

/** What a submission of it became. */
type Submitted = Either.Either<Pick<Submit.Decision, "duplicate">, Refusal>

const requestOf = (
  record: Record,
  run: StoredRun,
  { details, snapshot }: ClaimDetails,
  seeds: Seeds,
): Effect.Effect<Submitting> => {
  const { projectId, runId } = run.state.spec
  const { fromStart = false } = record
  const start = fromStart ? Either.right<Start>({ seed: Retry.anew(runId) }) : seedOf(seeds, run.state)
  const starting = Either.flatMap(start, ({ seed, submission }) =>
    Either.map(
      check(submission ?? again(toRun(run.state, details), snapshot, BulkRules.retryId(record, runId))),
      (checked) => ({ checked, seed }),
    ),
  )
  return Either.match(starting, {
    onLeft: (refusal) => Effect.succeed(Either.left(refusal)),
    onRight: ({ checked, seed: begins }) =>
      Effect.map(
        SubmitRequest.request(projectId, checked, Retry.textOf(checked, fromStart)),
        (request): Submitting => Either.right({ ...request, seed: begins }),
      ),
  })
}

const retry = <X>(batch: RunBatch<X>, record: Record, all: Targets, seeds: Seeds): Effect.Effect<Done, X> =>
  Effect.gen(function* () {
    const isEnded = ({ run }: Target): boolean => run !== undefined && !BulkRules.isSkipped(record, run.state)
    const needsSeed = record.fromStart !== true && !record.dryRun
    const isUnread = (target: Target): boolean =>
      needsSeed && isEnded(target) && lacksSeed(record, seeds, target.run!.state)
    const first = all.targets.findIndex(isUnread)
    const late = new Set(first < 0 ? [] : all.targets.slice(first))
    const found = without(all, (target) => late.has(target))
    const unread = [...late].flatMap((target) => (isUnread(target) ? [target.run!.state.spec] : []))
    const ended = found.targets.flatMap((target) => (isEnded(target) ? [target.run!] : []))
    // A run that has ended in this commit is read as it is written.
    if (ended.length > 0) yield* batch.flush()
    const requests: ReadonlyMap<RunKey, ClaimDetails> =
      ended.length === 0 ? new Map() : yield* batch.rows.claimDetails(ended, "first")
    const targets = without(found, (target) => isEnded(target) && !requests.has(target.run!.key))
    const submitting = new Map<Target, Submitting>()
    for (const target of targets.targets.filter(isEnded)) {
      submitting.set(target, yield* requestOf(record, target.run!, requests.get(target.run!.key)!, seeds))
    }
    const accepted = [...submitting.values()].flatMap((request) =>
      Either.isRight(request) ? [request.right] : [],
    )
    const decisions: Array<Submitted> = record.dryRun
      ? accepted.map(() => Either.right({ duplicate: false }))
      : [...(yield* Submit.submitAll(accepted, batch, Submit.roots))]
    const verdicts = targets.targets.map((target): BulkRules.Verdict => {
      if (target.run === undefined) return notFound(target.name)
      const request = submitting.get(target)
      if (request === undefined) return "skipped"
      const submitted: Submitted = Either.flatMap(request, () => decisions.shift()!)
      return Either.match(submitted, {
        onLeft: (refusal) => failure(target.name, refusal),
        onRight: ({ duplicate }) => (duplicate ? "skipped" : "done"),
      })
    })
    return { targets, verdicts, unread }
  })

/** Does what the operation says to these runs, or counts what it would do. */
const act = <X>(
  batch: RunBatch<X>,
  record: Record,
  targets: Targets,
  seeds: Seeds,
): Effect.Effect<Done, X> => {
  switch (record.action) {
    case "cancel":
      return cancel(batch, record, targets)
    case "label":
      return label(batch, record, targets)
    case "retry":
    case "trial":
      return retry(batch, record, targets, seeds)
    case "move":
      return move(batch, record, targets)
    case "route":
      return route(batch, record, targets)
  }
}

/** The most runs of a part. A run that is submitted again brings a request with it. */
const mostOf = { cancel: 256, label: 256, move: 256, route: 256, retry: 64, trial: 64 } as const

/** The most runs of a part while others use the store: a claim waits a few milliseconds for it. */
const mostBeside = 32

/** How many runs more a part has than the one before it, while others do not use the store. */
const growth = 8

/** The most runs of the next part: few where other requests came with the last one, and some more than before where none did. */
export const sizeAfter = (last: number, others: boolean): number =>
  others ? mostBeside : Math.min(mostOf.cancel, last + growth)

/**
 * An operation after a part of it. `unread`: the runs whose retries were left, since the part does not have what they begin with. A part that
 * left all of its runs changes nothing, so the operation stays the next one.
 */
export interface Advanced {
  readonly record: BulkRules.BulkRecord
  readonly unread: ReadonlyArray<RunRef>
}

/** The operation after its next part. */
const advance = <X>(
  batch: RunBatch<X>,
  record: BulkRules.BulkRecord,
  most: number,
  seeds: Seeds,
): Effect.Effect<Advanced, X> =>
  Effect.gen(function* () {
    const found = yield* find(batch, record, Math.min(most, mostOf[record.action]))
    const { targets, unread = [], verdicts } = yield* act(batch, record, found, seeds)
    return verdicts.length === 0 && unread.length > 0
      ? { record, unread }
      : { record: BulkRules.advance(record, { ...targets, verdicts }, batch.now), unread }
  })

/** A new operation. `id`: the same one for the same idempotency key of a project. */
export interface Creation {
  readonly projectId: Ids.ProjectId
  readonly id: string
  readonly bulk: BulkRules.Checked
}

const begin = <X>(
  { now, rows }: RunBatch<X>,
  { bulk, id, projectId }: Creation,
): Effect.Effect<BulkRules.BulkRecord, X> =>
  Effect.gen(function* () {
    if (bulk.runIds !== undefined) return BulkRules.begin(bulk, { id, projectId, from: 0, to: 0 }, now)
    const { filter } = bulk
    const bounds = yield* rows.filters.bounds(filter?.from?.epochMillis, filter?.to?.epochMillis)
    const [newest = bounds.least - 1] = yield* rows.filters.keys(projectId, {}, { ...bounds, limit: 1 })
    return BulkRules.begin(bulk, { id, projectId, from: bounds.least, to: newest + 1 }, now)
  })

/** Makes operations. The first of a commit does its first part in it. */
export const create = <X>(): RunOperation<Creation, Advanced, Advanced, never, X> => ({
  name: "BulkOperations.create",
  decide: (requests, batch) =>
    Effect.forEach(requests, (creation, index) =>
      Effect.gen(function* () {
        const { bulk, id, projectId } = creation
        const found =
          bulk.idempotencyKey === undefined
            ? undefined
            : yield* batch.rows.records(table).find({ projectId, id })
        if (found !== undefined) return Either.right({ record: found.record, unread: [] })
        const begun = yield* begin(batch, creation)
        const advanced =
          index === 0 ? yield* advance(batch, begun, mostOf.cancel, none) : { record: begun, unread: [] }
        batch.notify(ProjectEvents.ofBulk(advanced.record))
        yield* batch.rows.records(table).write({ inserted: [advanced.record] })
        return Either.right(advanced)
      }),
    ),
  answer: Function.identity,
})

export const abort = <X>(): RunOperation<
  RecordRef,
  BulkRules.BulkRecord,
  BulkRules.BulkRecord,
  BulkNotFound,
  X
> => ({
  name: "BulkOperations.abort",
  decide: (requests, batch) =>
    Effect.forEach(requests, (ref) =>
      Effect.gen(function* () {
        const bulk = batch.rows.records(table)
        const found = yield* bulk.find(ref)
        if (found === undefined) return Either.left(new BulkNotFound({ bulkId: ref.id }))
        const record = BulkRules.abort(found.record, batch.now)
        if (record !== found.record) {
          batch.notify(ProjectEvents.ofBulk(record))
          yield* bulk.write({ updated: [{ key: found.key, record }] })
        }
        return Either.right(record)
      }),
    ),
  answer: Function.identity,
})

/** The next part of a running operation: of `ref`, or of one that no other server is working on. It has `most` runs at most. */
export interface Work {
  readonly ref?: RecordRef | undefined
  readonly most: number
  readonly seeds: Seeds
}

/** The operation whose last part is the longest ago. */
const nextOne = { count: 1, bytes: 0 }

/** Does the next part; undefined where there is none. */
export const work = <X>(): RunOperation<Work, Advanced | undefined, Advanced | undefined, never, X> => ({
  name: "BulkOperations.work",
  decide: (requests, batch) =>
    Effect.forEach(requests, ({ most, ref, seeds }) =>
      Effect.gen(function* () {
        const bulk = batch.rows.records(table)
        const [found] =
          ref === undefined ? yield* bulk.due(Number.MAX_SAFE_INTEGER, nextOne) : [yield* bulk.find(ref)]
        if (found?.record.status !== "running") return Either.right(undefined)
        const advanced = yield* advance(batch, found.record, most, seeds)
        if (advanced.record !== found.record) {
          batch.notify(ProjectEvents.ofBulk(advanced.record))
          yield* bulk.write({ updated: [{ key: found.key, record: advanced.record }] })
        }
        return Either.right(advanced)
      }),
    ),
  answer: Function.identity,
})

/**
 * Reads what the retries begin with that a part has left, and does the next part of its operation with that. An operation that has left none
 * stays as it is.
 */
export const continuing = <X>(
  reads: Reading<X>,
  commits: RunCommits<X>,
): ((advanced: Advanced) => Effect.Effect<Advanced, ControlPlaneUnavailable>) => {
  const workWith = commits.operation(work<X>())
  return (advanced) =>
    Effect.gen(function* () {
      const { record, unread } = advanced
      if (unread.length === 0) return advanced
      const ref = { projectId: Ids.ProjectId.make(record.projectId), id: record.id }
      const seeds = yield* read(reads, "BulkOperations.work", record, unread)
      return (yield* workWith({ ref, most: unread.length, seeds })) ?? advanced
    })
}
