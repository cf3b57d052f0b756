/**
 * Which of several labels a list begins at: the one that the fewest runs have.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import { entries, type Label, type Labels } from "../../model/Labels.js"
import type { SummaryRows } from "./SummaryRows.js"

/** The most runs of a label that are counted. Labels with more are alike. */
const maxCounted = 1000

/**
 * The rarest of these labels, of which there is one at least.
 *
 * @since 0.1.0
 * @category reading
 */
export const find = <X>(
  rows: Pick<SummaryRows<X>, "labelled">,
  projectId: Ids.ProjectId,
  labels: Labels,
): Effect.Effect<Label, X> => {
  const all = entries(labels)
  if (all.length === 1) return Effect.succeed(all[0]!)
  return Effect.map(
    rows.labelled(projectId, all, maxCounted),
    (counts) => all[counts.indexOf(Math.min(...counts))]!,
  )
}
