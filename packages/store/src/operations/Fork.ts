/** A new run that continues from what another one had recorded by an event. */
import type * as Ids from "@runlease/core/Ids"
import { EventId, RunNotFound } from "@runlease/core/Run"
import { maxReadBytes } from "@runlease/core/RunLog"
import { again, ForkRefused, type Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import type { StoreReads } from "../rows/StoreReads.js"
import * as CopiedRecords from "./CopiedRecords.js"
import * as RecordReads from "./RecordReads.js"
import type { Seed } from "./SubmitRequest.js"

const operation = "Runs.fork"

/**
 * What is read of the run never changes: its request, and its log up to an event. So it is read before the commit that submits the
 * fork with the beginning of its log.
 */
export const make = <X>(
  reads: StoreReads<X>,
  projectId: Ids.ProjectId,
  submitWith: (seed: Seed) => Runs["Type"]["submit"],
): Runs["Type"]["fork"] =>
  Effect.fnUntraced(function* (name, { after, publicId }) {
    const run = yield* reads.named(operation, { projectId, runId: name }, ({ run }, ref) => run(ref))
    const { runId } = run
    const ref = { projectId, runId }
    const refused = (reason: ForkRefused["reason"]) => new ForkRefused({ runId, after, reason })
    const [last] =
      after < 1 || after > run.latestEventId
        ? []
        : (yield* reads.named(operation, ref, ({ log }, found) =>
            log(found, EventId.make(after - 1), { entries: 1, bytes: maxReadBytes }),
          )).entries
    if (last === undefined) return yield* refused("no_event")

    const log = RecordReads.make(reads, operation, ref, after)
    const records = yield* log.records(refused("too_large"))
    const copied = CopiedRecords.ofFork(records, last.createdAt)
    const { events } = yield* log.copy(records, copied, refused("too_large"))
    const snapshot = yield* reads.named(operation, ref, ({ firstSnapshot }, found) => firstSnapshot(found))
    return yield* Effect.catchTags(submitWith({ events })(again(run, snapshot, publicId)), {
      // Its conversation was deleted with it.
      ConversationNotFound: () => new RunNotFound({ runId }),
      // It waits for the other runs of its lane.
      ConversationBusy: Effect.die,
      MessageRefused: Effect.die,
    })
  })
