/**
 * The labels and the limits of the run that a submission becomes.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import * as Labels from "../../model/Labels.js"
import type { RequestSnapshot } from "../../model/RequestSnapshot.js"
import * as LabelRules from "../../rules/LabelRules.js"
import type { Found } from "./SubmitReads.js"
import type { Parent, Request } from "./SubmitRequest.js"

/** Most runs have no labels, and no parent that has some. */
const labelsOf = ({ submission }: Request, parent: Parent) =>
  submission.labels === undefined && parent.labels === Labels.none
    ? Either.right(Labels.none)
    : LabelRules.inherited(submission.labels ?? Labels.none, parent.labels)

/**
 * The labels, and the limits, whose keys may be among the labels or in the request.
 *
 * @since 0.1.0
 * @category reading
 */
export const traitsOf = (
  found: Pick<Found, "limitsOf">,
  request: Request,
  parent: Parent,
  snapshot: RequestSnapshot,
) =>
  Either.flatMap(labelsOf(request, parent), (labels) =>
    Either.map(found.limitsOf(request, { labels, snapshot }), (limits) => ({ labels, limits })),
  )
