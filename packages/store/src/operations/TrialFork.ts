/**
 * The fork of a run for a trial. It is read between two commits: the first finds the runs, the second submits the forks.
 *
 * Source: docs/decisions/0161-trials.md
 */
import type { NewTrial } from "@runlease/core/BulkOperation"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import type { Run, RunNotFound } from "@runlease/core/Run"
import { again, type EditRefused, ForkRefused, type SubmissionInput } from "@runlease/core/Runs"
import type { Limits } from "@runlease/core/TreeBudget"
import * as Trial from "@runlease/core/Trial"
import { Array as Arr, Effect } from "effect"
import type { Reading } from "../rows/StoreReads.js"
import * as Carried from "./Carried.js"
import * as Fork from "./Fork.js"
import * as RecordReads from "./RecordReads.js"
import type { Seed } from "./SubmitRequest.js"

/** The submission, what its log begins with, and the characters of the JSON of both. */
export interface TrialRun {
  readonly submission: SubmissionInput
  readonly seed: Seed
  readonly length: number
}

/** The most characters of the JSON of recorded calls: each claim of the run has them. */
const maxLength = 4 * 1024 * 1024

const callsOf = <X>(reads: Reading<X>, operation: string, { latestEventId, projectId, runId }: Run) =>
  Effect.suspend(() => {
    const { calls, next } = Trial.callReader()
    const log = RecordReads.make(reads, operation, { projectId, runId }, latestEventId)
    return Effect.as(
      log.read(undefined, (entries) => Effect.sync(() => entries.forEach(({ event }) => next(event)))),
      calls,
    )
  })

/** A trial goes behind all other runs. */
const priority = -1000

/**
 * The run of a trial that repeats this one. It is apart from the original: it has a new conversation, no lane and no parent, and its
 * labels name the trial and the original. `share`: its budget.
 */
export const make = Effect.fnUntraced(function* <X>(
  reads: Reading<X>,
  operation: string,
  run: Run,
  trial: NewTrial,
  { publicId, share }: { readonly publicId: string; readonly share: Limits },
): Effect.fn.Return<TrialRun, EditRefused | ForkRefused | RunNotFound | ControlPlaneUnavailable> {
  const { after, edits = [], name, tools } = trial
  const { projectId, runId } = run
  const edited = yield* Fork.beginningOf(reads, operation, run, after, edits)
  const seed = Arr.isNonEmptyReadonlyArray(edits)
    ? yield* Fork.seedOf(edited, after)
    : { events: edited.events }
  const request = yield* reads.read(operation, Carried.whole({ projectId, runId }, edited.snapshot))
  const calls = tools === "recorded" ? (yield* callsOf(reads, operation, run))() : []
  const length = JSON.stringify(calls).length
  if (length > maxLength || calls.length > Trial.maxCalls)
    return yield* new ForkRefused({ runId, after, reason: "too_large" })
  const { asOf: _asOf, protocol: _protocol, traceContext: _trace, ...snapshot } = request
  const {
    concurrencyKey: _lane,
    concurrencyLimit: _limit,
    conversationId: _conversation,
    parentRunId: _parent,
    trigger: _trigger,
    ...submission
  } = again(edited.run, { ...snapshot, trial: { name, runId, after, tools, calls } }, publicId)
  return {
    submission: { ...submission, labels: Trial.labelsOf(name, runId), budget: share, priority },
    seed,
    length: length + JSON.stringify([snapshot, seed.events]).length,
  }
})
