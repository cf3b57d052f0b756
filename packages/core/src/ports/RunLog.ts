/** The port of a run's log: AG-UI events, appended under a cursor, read and followed. */
import type { DateTime, Exit, Scope } from "effect"
import { Chunk, Context, Effect, FiberId, Option, Runtime, Schema, Stream } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { LogFilter } from "./LogFilter.js"
import type * as Ids from "../model/Ids.js"
import {
  EventId,
  type Fence,
  type LeaseLost,
  type RunEnded,
  type RunNotFound,
  type Sequence,
} from "../model/Run.js"

/** One event of the log. `sequence` is null for the control plane's own events, and for those that others than the holder appended. */
export interface LogEntry {
  readonly eventId: EventId
  readonly sequence: Sequence | null
  readonly event: LogEvent
  readonly createdAt: DateTime.Utc
}

/**
 * Units: 1 to 100 `events`, each at most 245,760 bytes of JSON.
 *
 * `expectedEventId` and `expectedSequence` say what the log's latest are before this batch; both must
 * hold when both are set. With one of them the append is idempotent: a batch that is already there,
 * or whose beginning is, succeeds and adds only what is missing. With neither, it always adds.
 */
export interface AppendRequest {
  readonly runId: Ids.RunId
  readonly events: ReadonlyArray<LogEvent>
  readonly expectedEventId?: EventId | undefined
  readonly expectedSequence?: Sequence | undefined
  /** Absent for a trusted caller that holds no lease. It appends no CUSTOM events named `runlease.…`: readers take them for the holder's. */
  readonly fence?: Fence | undefined
}

/**
 * Where the log is after it; `appendedCount` is how many events were new. `inbox` is how many messages were sent to the run; absent
 * for none.
 */
export interface Appended {
  readonly latestEventId: EventId
  readonly latestSequence: Sequence
  readonly appendedCount: number
  readonly inbox?: number | undefined
}

/** The log is not where the caller thought it was; nothing was appended. */
export class CursorMismatch extends Schema.TaggedError<CursorMismatch>("@runlease/core/CursorMismatch")(
  "CursorMismatch",
  { runId: Schema.String, latestEventId: Schema.Number, latestSequence: Schema.Number },
) {
  override get message() {
    return `The log of run ${this.runId} is at event ${this.latestEventId}, sequence ${this.latestSequence}`
  }
}

/** The run is suspended for a tool result and takes no events until it is resumed and claimed. */
export class RunWaiting extends Schema.TaggedError<RunWaiting>("@runlease/core/RunWaiting")("RunWaiting", {
  runId: Schema.String,
}) {
  override get message() {
    return `Run ${this.runId} is waiting for a tool result`
  }
}

/** The event at `index` of the batch cannot be logged; nothing of the batch was. */
export class EventRefused extends Schema.TaggedError<EventRefused>("@runlease/core/EventRefused")(
  "EventRefused",
  {
    index: Schema.Number,
    reason: Schema.Literal("malformed", "too_large", "terminal", "batch_size", "reserved"),
    message: Schema.String,
  },
) {}

export type AppendError =
  | RunNotFound
  | LeaseLost
  | RunEnded
  | RunWaiting
  | CursorMismatch
  | EventRefused
  | ControlPlaneError

/** Successive entries of a log, perhaps none. `ended`: no entry comes after them. */
export interface LogEntries {
  readonly entries: ReadonlyArray<LogEntry>
  readonly ended: boolean
}

/** Reads a log by plain calls, for a reader that takes its entries in the turn in which they are committed. */
export interface LogReader<E = RunNotFound | ControlPlaneError> {
  /**
   * Calls `take` once with entries after a position: at once if the reader has them, else as soon as there are any or the log
   * has ended. `take` must not throw. Returns what stops the wait. A reader waits for one call at a time.
   */
  readonly next: (after: EventId, take: (exit: Exit.Exit<LogEntries, E>) => void) => () => void
}

export class RunLog extends Context.Tag("@runlease/core/RunLog")<
  RunLog,
  {
    /**
     * Appends a batch, all or nothing. Checks go in this order: the run, the fence, whether it has ended,
     * whether it waits, the events, the cursor.
     */
    readonly append: (request: AppendRequest) => Effect.Effect<Appended, AppendError>

    /**
     * By the id of the run, or of an input that it has accepted since: up to `limit` (1 to 1,000; 100 when absent) entries after `after` (0 when absent), oldest first: as many as are
     * `maxReadBytes` together, but one at least. So a page that is short is not always the last one; an empty one is.
     *
     * With `only`, the entries are those of the records of steps (see `StepRecord`), which an index finds. With `types` or `name` they
     * are those of events that match: no index finds these, so a page that has none reads the log to its end, a page at a time.
     */
    readonly read: (
      options: LogFilter & {
        readonly runId: Ids.RunId
        readonly after?: EventId | undefined
        readonly limit?: number | undefined
        readonly only?: "records" | undefined
      },
    ) => Effect.Effect<ReadonlyArray<LogEntry>, RunNotFound | ControlPlaneError>

    /**
     * By the same ids: every entry after `after`, those still to come included; ends after the one that ends the run.
     * A run that waits keeps its followers.
     */
    readonly follow: (options: {
      readonly runId: Ids.RunId
      readonly after?: EventId | undefined
    }) => Stream.Stream<LogEntry, RunNotFound | ControlPlaneError>

    /** By the same ids: a reader of the log, until the Scope closes. What it cannot read fails its next call. */
    readonly reader: (options: {
      readonly runId: Ids.RunId
    }) => Effect.Effect<LogReader, RunNotFound | ControlPlaneError, Scope.Scope>
  }
>() {}

/** A reader that reads each of its pages by an effect. */
export const readerOf = <E>(
  page: (after: EventId) => Effect.Effect<LogEntries, E>,
): Effect.Effect<LogReader<E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    return {
      next: (after, take) => {
        const reading = runFork(page(after), { scope })
        reading.addObserver(take)
        return () => {
          reading.removeObserver(take)
          reading.unsafeInterruptAsFork(FiberId.none)
        }
      },
    }
  })

const nextOf = <E>({ next }: LogReader<E>, after: EventId): Effect.Effect<LogEntries, E> =>
  Effect.async((resume) => Effect.sync(next(after, resume)))

/**
 * Takes the entries after the position of a reader as they come, until `take` returns false or the log has ended. It is lighter than `followWith`,
 * for what waits with many others.
 */
export const takeWith = <E, E2, R2>(
  reader: Effect.Effect<LogReader<E>, E, Scope.Scope>,
  after: EventId,
  take: (entries: ReadonlyArray<LogEntry>) => Effect.Effect<boolean, E2, R2>,
): Effect.Effect<void, E | E2, R2> =>
  Effect.flatMap(reader, (log) => {
    let position = after
    let goesOn = true
    return Effect.whileLoop({
      while: () => goesOn,
      body: () =>
        Effect.flatMap(nextOf(log, position), ({ ended, entries }) => {
          position = entries.at(-1)?.eventId ?? position
          const taken = entries.length === 0 ? Effect.succeed(true) : take(entries)
          return Effect.map(taken, (wantsMore) => wantsMore && !ended)
        }),
      step: (next) => {
        goesOn = next
      },
    })
  }).pipe(Effect.scoped)

/** The entries after the position of a reader, those still to come included, until the log has ended. */
export const followWith = <E>(
  reader: Effect.Effect<LogReader<E>, E, Scope.Scope>,
  after: EventId = EventId.make(0),
): Stream.Stream<LogEntry, E> =>
  Stream.unwrapScoped(
    Effect.map(reader, (log) =>
      Stream.paginateChunkEffect(after, (position) =>
        Effect.map(nextOf(log, position), ({ ended, entries }) => [
          Chunk.unsafeFromArray(entries),
          ended ? Option.none() : Option.some(entries.at(-1)?.eventId ?? position),
        ]),
      ),
    ),
  )

export const maxEventBytes = 245_760
export const maxBatch = 100
export const defaultReadLimit = 100
export const maxReadLimit = 1000

/** Bytes of a page: the JSON of its events, and `entryBytes` for each of them. */
export const maxReadBytes = 1024 * 1024

/** About how many bytes of an answer belong to an event besides its JSON. */
export const entryBytes = 128

/** As `maxReadBytes`, for what a follower reads at once: each holds what it has read until its client takes it. */
export const maxFollowBytes = 256 * 1024
