/**
 * What a log has now, a page at a time.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, type LogFilter, Run, RunLog } from "@runlease/core"
import { Chunk, Context, Effect, Option, Stream } from "effect"

/** Which entries of a log are read: those after `after`, up to `upTo` or, where that is absent, to the end. */
export interface Wanted extends Pick<LogFilter.LogFilter, "types"> {
  readonly runId: Run.Run["runId"]
  readonly after?: Run.EventId
  readonly upTo?: Run.EventId
}

/**
 * The entries of a log.
 *
 * @since 0.1.0
 * @category streams
 */
export const entries = (
  ports: Context.Context<RunLog.RunLog>,
  { after = Run.EventId.make(0), upTo = Run.EventId.make(Number.MAX_SAFE_INTEGER), ...wanted }: Wanted,
): Stream.Stream<RunLog.LogEntry, Run.RunNotFound | ControlPlaneError.ControlPlaneError> => {
  const log = Context.get(ports, RunLog.RunLog)
  return Stream.paginateChunkEffect(after, (position) =>
    Effect.map(log.read({ ...wanted, after: position, limit: RunLog.maxReadLimit }), (page) => {
      const last = page.at(-1)?.eventId
      return [
        Chunk.unsafeFromArray(page.filter(({ eventId }) => eventId <= upTo)),
        last === undefined || last >= upTo ? Option.none() : Option.some(last),
      ]
    }),
  )
}
