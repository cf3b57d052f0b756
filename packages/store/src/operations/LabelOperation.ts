/** Changes of labels, also of runs that have ended. */
import type { LabelChanges, Labels } from "@runlease/core/Labels"
import { type Run, RunNotFound } from "@runlease/core/Run"
import type { LabelsRefused } from "@runlease/core/RunLabels"
import { Effect, Either } from "effect"
import * as LabelRules from "../rules/LabelRules.js"
import { toRun } from "../rules/RunState.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation } from "../commit/RunCommits.js"
import { logKey } from "../commit/Wakeups.js"
import type { RunKey, RunRef, StoredRun } from "../rows/RunRows.js"

interface Request {
  readonly ref: RunRef
  readonly changes: LabelChanges
}

/** The labels of these runs of a batch, which are locked. */
export const labelsOf = <X>(
  batch: RunBatch<X>,
  runs: ReadonlyArray<StoredRun>,
): Effect.Effect<Map<RunKey, Labels>, X> =>
  runs.length === 0
    ? Effect.succeed(new Map())
    : // A run of this commit may have details that are not written yet.
      Effect.zipRight(
        batch.flush(),
        Effect.map(
          batch.rows.details(runs),
          (details) => new Map(Array.from(details, ([key, { labels }]) => [key, labels])),
        ),
      )

/** Finds its runs itself, so that they are locked before their labels are read: a commit that remembers a lease does not lock its run. */
export const operation = <X>(): RunOperation<Request, () => Run, Run, RunNotFound | LabelsRefused, X> => ({
  name: "Runs.label",
  decide: (requests, batch) =>
    Effect.gen(function* () {
      const found = yield* batch.rows.find(requests.map(({ ref }) => ref))
      const runs = new Map(found.map((run) => [logKey(run.state.spec), batch.add(run)]))
      const labels = yield* labelsOf(batch, [...runs.values()])
      const changed = new Set<string>()
      const verdicts = requests.map(
        ({ changes, ref }): Either.Either<string, RunNotFound | LabelsRefused> => {
          const name = logKey(ref)
          const run = runs.get(name)
          if (run === undefined) return Either.left(new RunNotFound({ runId: ref.runId }))
          const before = labels.get(run.key)!
          return Either.map(LabelRules.changed(ref.runId, before, changes), (after) => {
            batch.describe(run, { labels: { before, after } })
            labels.set(run.key, after)
            changed.add(name)
            return name
          })
        },
      )
      const late = batch.late(
        [...changed].map((name) => runs.get(name)!),
        batch.rows.details,
      )
      return verdicts.map(
        Either.map((name) => () => {
          const { key, state } = batch.find(runs.get(name)!.state.spec)!
          return toRun(state, late.get(key)!)
        }),
      )
    }),
  answer: (run) => run(),
})
