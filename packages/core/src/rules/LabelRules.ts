/**
 * The rules of labels: which a new run has, what a change leaves, and which runs a list finds by them.
 *
 * Source: docs/decisions/0101-labels-and-bulk.md
 */
import { Either } from "effect"
import { entries, type LabelChanges, type Labels, maxLabels } from "../model/Labels.js"
import type { Run } from "../model/Run.js"
import { InvalidSubmission } from "../ports/Submission.js"
import { type LabelsRefused, tooMany } from "../ports/RunLabels.js"

const sorted = (labels: Labels): Labels => Object.fromEntries(entries(labels))

/**
 * The labels of a new run: its own, and those of its parent by other names.
 *
 * @category rules
 */
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

/**
 * The labels of a run after a change.
 *
 * @category rules
 */
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

/**
 * Whether a run has all of these labels.
 *
 * @category rules
 */
export const hasAll = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value)

/** What the index of labels loses and gets. */
export interface IndexChange {
  readonly removed: Labels
  readonly added: Labels
}

const without = (labels: Labels, others: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([name, value]) => others[name] !== value))

/**
 * What the index of labels loses and gets where a run's labels change.
 *
 * @category rules
 */
export const indexChange = (before: Labels, after: Labels): IndexChange => ({
  removed: without(before, after),
  added: without(after, before),
})
