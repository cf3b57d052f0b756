/**
 * A run that is submitted again once it has ended.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type * as Ids from "../../model/Ids.js"
import { isTerminal, RunNotFound } from "../../model/Run.js"
import { again, type Runs, RunUnfinished } from "../../ports/Runs.js"
import type { StoreReads } from "../rows/StoreReads.js"

/**
 * What is read of the run never changes once it has ended, so it is read before the commit that submits it again.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  reads: StoreReads<X>,
  projectId: Ids.ProjectId,
  submit: Runs["Type"]["submit"],
): Runs["Type"]["retry"] =>
  Effect.fnUntraced(function* (name, { publicId } = {}) {
    const run = yield* reads.named("Runs.retry", { projectId, runId: name }, ({ run }, ref) => run(ref))
    const { runId, status } = run
    if (!isTerminal(status)) return yield* new RunUnfinished({ runId, status })
    const snapshot = yield* reads.named("Runs.retry", { projectId, runId }, ({ firstSnapshot }, ref) =>
      firstSnapshot(ref),
    )
    return yield* Effect.catchTags(submit(again(run, snapshot, publicId)), {
      // Its conversation was deleted with it.
      ConversationNotFound: () => new RunNotFound({ runId }),
      // It waits for the other runs of its lane.
      ConversationBusy: Effect.die,
      MessageRefused: Effect.die,
    })
  })
