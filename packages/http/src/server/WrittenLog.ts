/**
 * What a log holds already, a page at a time.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, Run, RunLog } from "@runlease/core"
import { Chunk, Context, Effect, Option, Stream } from "effect"
import type { Ports } from "./ProjectPortsCache.js"

/**
 * The entries of a run's log up to the newest one that the run names, and those that were read with it.
 *
 * @since 0.1.0
 * @category streams
 */
export const entries = (
  ports: Ports,
  { latestEventId, runId }: Run.Run,
): Stream.Stream<RunLog.LogEntry, Run.RunNotFound | ControlPlaneError.ControlPlaneError> =>
  Stream.paginateChunkEffect(Run.EventId.make(0), (after) =>
    Effect.map(
      Context.get(ports, RunLog.RunLog).read({ runId, after, limit: RunLog.maxReadLimit }),
      (page) => {
        const last = page.at(-1)?.eventId
        return [
          Chunk.unsafeFromArray(page),
          last === undefined || last >= latestEventId ? Option.none() : Option.some(last),
        ]
      },
    ),
  )
