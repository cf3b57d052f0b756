/**
 * A new run that goes on from what another one had recorded.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import type * as Ids from "../../model/Ids.js"
import { EventId, RunNotFound } from "../../model/Run.js"
import { type LogEntry, maxReadBytes, maxReadLimit } from "../../ports/RunLog.js"
import { again, ForkRefused, type Runs } from "../../ports/Runs.js"
import * as ForkedLog from "./ForkedLog.js"
import type { RunRef } from "../rows/RunRows.js"
import type { StoreReads } from "../rows/StoreReads.js"

/** The most events that one commit copies. */
const maxEvents = 10_000

/** The most characters of their JSON. */
const maxLength = 16 * 1024 * 1024

const operation = "Runs.fork"

/**
 * What is read of the run never changes: its request, and its log up to an event. So it is read before the commit that submits the
 * fork with the beginning of its log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  reads: StoreReads<X>,
  projectId: Ids.ProjectId,
  submitWith: (seed: ReadonlyArray<LogEvent>) => Runs["Type"]["submit"],
): Runs["Type"]["fork"] => {
  /** Takes the entries of a log up to an event, a page at a time. */
  const readUpTo = <E>(
    ref: RunRef,
    last: EventId,
    only: "records" | undefined,
    take: (entries: ReadonlyArray<LogEntry>) => Effect.Effect<void, E>,
  ) => {
    const from = (after: EventId): Effect.Effect<void, E | Effect.Effect.Error<ReturnType<typeof page>>> =>
      Effect.flatMap(page(after), ({ entries }) => {
        const end = entries.at(-1)
        const wanted = entries.filter(({ eventId }) => eventId <= last)
        return Effect.zipRight(
          take(wanted),
          end === undefined || end.eventId >= last ? Effect.void : from(end.eventId),
        )
      })
    const page = (after: EventId) =>
      reads.named(operation, ref, ({ log }, found) =>
        log(found, after, { entries: maxReadLimit, bytes: maxReadBytes, only }),
      )
    return from(EventId.make(0))
  }

  return Effect.fnUntraced(function* (name, { after, publicId }) {
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

    const records: Array<LogEntry> = []
    yield* readUpTo(ref, after, "records", (entries) => {
      records.push(...entries)
      return records.length > maxEvents ? refused("too_large") : Effect.void
    })
    const forked = ForkedLog.make(ForkedLog.copiedRecords(records, last.createdAt))
    yield* readUpTo(ref, after, undefined, (entries) => {
      entries.forEach(forked.next)
      return forked.events().length > maxEvents ? refused("too_large") : Effect.void
    })
    const seed = forked.events()
    const length = seed.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
    if (length > maxLength) return yield* refused("too_large")

    const snapshot = yield* reads.named(operation, ref, ({ firstSnapshot }, found) => firstSnapshot(found))
    return yield* Effect.catchTags(submitWith(seed)(again(run, snapshot, publicId)), {
      // Its conversation was deleted with it.
      ConversationNotFound: () => new RunNotFound({ runId }),
      // It waits for the other runs of its lane.
      ConversationBusy: Effect.die,
      MessageRefused: Effect.die,
    })
  })
}
