/**
 * The rules of labels: which a new run has, what a change leaves, and what the index of labels loses and gets.
 *
 * Source: docs/decisions/0101-labels-and-bulk.md
 */
import { entries, type LabelChanges, type Labels, maxLabels } from "@runlease/core/Labels"
import type { Run } from "@runlease/core/Run"
import { type LabelsRefused, tooMany } from "@runlease/core/RunLabels"
import { InvalidSubmission } from "@runlease/core/Submission"
import { Either } from "effect"

const sorted = (labels: Labels): Labels => Object.fromEntries(entries(labels))

/** The labels of a new run: its own, and those of its parent by other names. */
export const inherited = (own: Labels, ofParent: Labels): Either.Either<Labels, InvalidSubmission> => {
  const labels = sorted({ ...ofParent, ...own })
  const count = Object.keys(labels).length
  return count > maxLabels
    ? Either.left(
        new InvalidSubmission({
          field: "labels",
          message: `labels: ${count} with those of the parent, and a run has at most ${maxLabels}`,
        }),
      )
    : Either.right(labels)
}

/** The labels of a run after a change. */
export const changed = (
  runId: Run["runId"],
  labels: Labels,
  changes: LabelChanges,
): Either.Either<Labels, LabelsRefused> => {
  const after = sorted(
    Object.fromEntries(
      Object.entries({ ...labels, ...changes }).flatMap(([name, value]) =>
        value === null ? [] : [[name, value]],
      ),
    ),
  )
  const count = Object.keys(after).length
  return count > maxLabels ? Either.left(tooMany(runId, count)) : Either.right(after)
}

/** What the index of labels loses and gets. */
export interface IndexChange {
  readonly removed: Labels
  readonly added: Labels
}

const without = (labels: Labels, others: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([name, value]) => others[name] !== value))

/** What the index of labels loses and gets where a run's labels change. */
export const indexChange = (before: Labels, after: Labels): IndexChange => ({
  removed: without(before, after),
  added: without(after, before),
})
