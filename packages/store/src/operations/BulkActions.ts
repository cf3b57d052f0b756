/** What a bulk operation does to the runs of one part, which are in the batch. */
import * as Ids from "@runlease/core/Ids"
import type { RunError } from "@runlease/core/Run"
import { again, check, type RetryRefused } from "@runlease/core/Runs"
import { snakeCase } from "@runlease/core/SnakeCase"
import { Effect, Either } from "effect"
import * as BulkRules from "../rules/BulkRules.js"
import * as LabelRules from "../rules/LabelRules.js"
import { toRun } from "../rules/RunState.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { ClaimDetails, RunKey, RunRef, StoredRun } from "../rows/RunRows.js"
import * as BulkSeeds from "./BulkSeeds.js"
import * as BulkTargets from "./BulkTargets.js"
import * as LeaseOperations from "./LeaseOperations.js"
import * as LabelOperation from "./LabelOperation.js"
import * as Retry from "./Retry.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"

type Record = BulkRules.BulkRecord

/** The targets that a part has read, and what became of each. `unread`: those that it left, since it does not have what they begin with. */
export interface Done {
  readonly targets: BulkTargets.Targets
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

const cancel = <X>(
  batch: RunBatch<X>,
  record: Record,
  targets: BulkTargets.Targets,
): Effect.Effect<Done, X> => {
  const error = errorOf(record)
  const outcome = { status: "cancelled", ...(error === undefined ? {} : { error }) } as const
  const cancelOne = ({ name, run }: BulkTargets.Target): BulkRules.Verdict => {
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

const label = <X>(
  batch: RunBatch<X>,
  record: Record,
  targets: BulkTargets.Targets,
): Effect.Effect<Done, X> => {
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

type Refusal = Submit.Refusal | RetryRefused

/** A run that is to be submitted once more. */
type Submitting = Either.Either<SubmitRequest.Request, Refusal>

/** What a submission of it became. */
type Submitted = Either.Either<Pick<Submit.Decision, "duplicate">, Refusal>

const requestOf = (
  record: Record,
  run: StoredRun,
  { details, snapshot }: ClaimDetails,
  seeds: BulkSeeds.Seeds,
): Effect.Effect<Submitting> => {
  const { projectId, runId } = run.state.spec
  const { fromStart = false } = record
  const submission = check(again(toRun(run.state, details), snapshot, BulkRules.retryId(record, runId)))
  const seed = fromStart ? Either.right(Retry.anew(runId)) : BulkSeeds.seedOf(seeds, run.state)
  return Either.match(Either.all({ checked: submission, seed }), {
    onLeft: (refusal) => Effect.succeed(Either.left(refusal)),
    onRight: ({ checked, seed: begins }) =>
      Effect.map(
        SubmitRequest.request(projectId, checked, Retry.textOf(checked, fromStart)),
        (request): Submitting => Either.right({ ...request, seed: begins }),
      ),
  })
}

const retry = <X>(
  batch: RunBatch<X>,
  record: Record,
  all: BulkTargets.Targets,
  seeds: BulkSeeds.Seeds,
): Effect.Effect<Done, X> =>
  Effect.gen(function* () {
    const isEnded = ({ run }: BulkTargets.Target): boolean =>
      run !== undefined && !BulkRules.isSkipped(record, run.state)
    const needsSeed = record.fromStart !== true && !record.dryRun
    const isUnread = (target: BulkTargets.Target): boolean =>
      needsSeed && isEnded(target) && BulkSeeds.isUnread(seeds, target.run!.state)
    const first = all.targets.findIndex(isUnread)
    const late = new Set(first < 0 ? [] : all.targets.slice(first))
    const found = BulkTargets.without(all, (target) => late.has(target))
    const unread = [...late].flatMap((target) => (isUnread(target) ? [target.run!.state.spec] : []))
    const ended = found.targets.flatMap((target) => (isEnded(target) ? [target.run!] : []))
    // A run that has ended in this commit is read as it is written.
    if (ended.length > 0) yield* batch.flush()
    const requests: ReadonlyMap<RunKey, ClaimDetails> =
      ended.length === 0 ? new Map() : yield* batch.rows.firstRequests(ended)
    const targets = BulkTargets.without(found, (target) => isEnded(target) && !requests.has(target.run!.key))
    const submitting = new Map<BulkTargets.Target, Submitting>()
    for (const target of targets.targets.filter(isEnded)) {
      submitting.set(target, yield* requestOf(record, target.run!, requests.get(target.run!.key)!, seeds))
    }
    const accepted = Array.from(submitting.values()).flatMap((request) =>
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
export const act = <X>(
  batch: RunBatch<X>,
  record: Record,
  targets: BulkTargets.Targets,
  seeds: BulkSeeds.Seeds,
): Effect.Effect<Done, X> => {
  switch (record.action) {
    case "cancel":
      return cancel(batch, record, targets)
    case "label":
      return label(batch, record, targets)
    case "retry":
      return retry(batch, record, targets, seeds)
  }
}
