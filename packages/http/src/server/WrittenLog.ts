/** What a log has now, a page at a time. */
import { type ControlPlaneError, type LogFilter, Run, RunLog } from "@runlease/core"
import { Chunk, Context, Effect, Option, Stream } from "effect"
import type { CurrentPrincipal } from "../contract/Principal.js"
import { Rebuilds } from "./Rebuilds.js"
import * as StreamTurns from "./StreamTurns.js"

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

/** Which entries of a log are read: those after `after`, up to `upTo` or, where that is absent, to the end. */
export interface Wanted extends Pick<LogFilter.LogFilter, "types"> {
  readonly runId: Run.Run["runId"]
  readonly after?: Run.EventId
  readonly upTo?: Run.EventId
}

/** Entries that follow each other, and the event after which there may be more. */
interface LogPage {
  readonly entries: ReadonlyArray<RunLog.LogEntry>
  readonly next: Option.Option<Run.EventId>
}

const start = Run.EventId.make(0)

const pageOf =
  (
    ports: Context.Context<RunLog.RunLog>,
    { after: _after, upTo = Run.EventId.make(Number.MAX_SAFE_INTEGER), ...wanted }: Wanted,
  ) =>
  (after: Run.EventId): Effect.Effect<LogPage, Failure> =>
    Effect.map(
      Context.get(ports, RunLog.RunLog).read({ ...wanted, after, limit: RunLog.maxReadLimit }),
      (page) => {
        const last = page.at(-1)?.eventId
        return {
          entries: page.filter(({ eventId }) => eventId <= upTo),
          next: last === undefined || last >= upTo ? Option.none() : Option.some(last),
        }
      },
    )

/** The entries of a log. Each page after the first waits for a turn of the event loop, since a store may have it at once. */
export const entries = (
  ports: Context.Context<RunLog.RunLog>,
  wanted: Wanted,
): Stream.Stream<RunLog.LogEntry, Failure, StreamTurns.StreamTurns | CurrentPrincipal> => {
  const read = pageOf(ports, wanted)
  const { after = start } = wanted
  return Stream.paginateChunkEffect(after, (position) =>
    Effect.when(StreamTurns.next, () => position > after).pipe(
      Effect.zipRight(read(position)),
      Effect.map(({ entries: page, next }) => [Chunk.unsafeFromArray(page), next]),
    ),
  )
}

/** Folds the entries of a log. What comes after its first page is read in turn, as what is folded of it may take memory. */
export const fold = (
  ports: Context.Context<RunLog.RunLog>,
  wanted: Wanted,
  take: (entry: RunLog.LogEntry) => void,
): Effect.Effect<void, Failure, StreamTurns.StreamTurns | CurrentPrincipal | Rebuilds> =>
  Effect.flatMap(pageOf(ports, wanted)(wanted.after ?? start), ({ entries: first, next }) => {
    first.forEach(take)
    return Option.match(next, {
      onNone: () => Effect.void,
      onSome: (after) =>
        Effect.flatMap(Rebuilds, ({ inTurn }) =>
          inTurn(
            Stream.runForEachChunk(entries(ports, { ...wanted, after }), (page) =>
              Effect.sync(() => Chunk.forEach(page, take)),
            ),
          ),
        ),
    })
  })
