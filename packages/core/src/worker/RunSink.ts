/**
 * Appends the events of an executor's stream to the log of its run.
 *
 * The first event is appended at once. Events that come during an append, or within `linger` after it, are appended
 * together. The stream is pulled no faster than the log takes its events.
 *
 * @since 0.1.0
 */
import { Channel, type Chunk, Data, type Duration, Effect, Either, Fiber, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import { sizeOf } from "../rules/AppendRules.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { ExecutorError, type ExecutorFailure } from "../executor/ExecutorError.js"
import { type Lease, LeaseEnded, type Loss } from "./Lease.js"
import type { LastEvents } from "../ports/Leases.js"
import type { ClaimedRun } from "../model/Run.js"
import { Sequence } from "../model/Run.js"
import {
  type AppendError,
  type CursorMismatch,
  type EventRefused,
  maxBatch,
  maxEventBytes,
  type RunLog,
} from "../ports/RunLog.js"

/** How many events may wait for the log before the executor waits too. */
const capacity = 256

/** The most bytes of events in one append, unless its first event alone is larger. */
const maxBatchBytes = 1_048_576

/**
 * The stream ended the run by an event of its own: RUN_FINISHED or RUN_ERROR, which only the control plane writes.
 *
 * @since 0.1.0
 * @category models
 */
export class EndedByEvent extends Data.TaggedError("EndedByEvent")<{
  readonly event: AgentEvent.LogEvent
}> {}

/** Why the execution of a run ended before its stream did. */
export type SinkFailure = ExecutorFailure | EndedByEvent | LeaseEnded

const refused = (code: string, message: string) => new ExecutorError({ code, message })

/** The longest prefix of `text` whose JSON fits into `bytes`. Never splits a surrogate pair. */
const headOf = (text: string, bytes: number): string => {
  let size = 0
  let end = 0
  for (const character of text) {
    size += new TextEncoder().encode(JSON.stringify(character)).length - 2
    if (size > bytes) break
    end += character.length
  }
  return text.slice(0, Math.max(end, 1))
}

const splittable = new Set(["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_ARGS"])

/** An event, and an upper bound of its bytes as JSON. */
interface Sized {
  readonly event: AgentEvent.LogEvent
  readonly bytes: number
}

const measure = (event: AgentEvent.LogEvent): Sized => {
  // A UTF-16 unit is at most three bytes, so the exact size of most events is not needed.
  const bound = JSON.stringify(event).length * 3
  return { event, bytes: bound <= maxEventBytes ? bound : sizeOf(event) }
}

/** The event itself, or, when its delta is too long for the log, several events with parts of the delta. */
const fit = (event: AgentEvent.LogEvent): ReadonlyArray<Sized> => {
  const whole = measure(event)
  const delta = event["delta"]
  if (whole.bytes <= maxEventBytes || !splittable.has(event.type) || typeof delta !== "string") return [whole]
  const room = maxEventBytes - sizeOf({ ...event, delta: "" })
  if (room <= 0) return [whole]
  const parts: Array<Sized> = []
  for (let rest = delta; rest !== "";) {
    const head = headOf(rest, room)
    parts.push(measure({ ...event, delta: head }))
    rest = rest.slice(head.length)
  }
  return parts
}

/** The first events of `waiting` that fit into one append. */
const batchOf = (waiting: ReadonlyArray<Sized>): ReadonlyArray<AgentEvent.LogEvent> => {
  let bytes = 0
  let count = 0
  for (const sized of waiting) {
    bytes += sized.bytes
    if (count > 0 && (count === maxBatch || bytes > maxBatchBytes)) break
    count += 1
  }
  return waiting.slice(0, count).map(({ event }) => event)
}

/**
 * The executor's failure when the log refuses its events.
 *
 * @since 0.1.0
 * @category errors
 */
export const refusal = (error: EventRefused | CursorMismatch): ExecutorError =>
  error._tag === "EventRefused"
    ? refused(error.reason === "too_large" ? "event_too_large" : "bad_event", error.message)
    : refused("log_conflict", `Another writer appended to the log of this run: ${error.message}`)

/**
 * @since 0.1.0
 * @category models
 */
export interface RunSink {
  /**
   * Runs a stream into the log. The last events may still wait for `flush` or `flushBefore` when it ends.
   *
   * Fails: with the failure of the stream, or with `EndedByEvent` when the stream ends the run by an event.
   */
  readonly run: <R>(
    events: Stream.Stream<AgentEvent.LogEvent, ExecutorFailure, R>,
  ) => Effect.Effect<void, SinkFailure, R>

  /** Appends the events that wait. */
  readonly flush: Effect.Effect<void, ExecutorFailure | LeaseEnded>

  /** Appends the events that wait except the last batch, and returns that batch, which is written with the outcome. */
  readonly flushBefore: Effect.Effect<LastEvents | undefined, ExecutorFailure | LeaseEnded>
}

/**
 * Makes the sink of one run. `stop` is called when the log refuses an append while the stream is running.
 *
 * Units: `linger` is the least time between two appends of a run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly log: RunLog["Type"]
  readonly claimed: ClaimedRun
  readonly lease: Pick<Lease, "ref" | "end">
  readonly linger: Duration.DurationInput
  readonly stop: (failure: SinkFailure) => void
}): RunSink => {
  const { lease, log } = options
  // The events that are not confirmed to be in the log, oldest first, and the log's sequence before them.
  let waiting: Array<Sized> = []
  let sequence = options.claimed.latestSequence
  const some = Effect.unsafeMakeLatch(false)
  const room = Effect.unsafeMakeLatch(true)
  const idle = Effect.unsafeMakeLatch(true)

  const endLease = (reason: Loss) =>
    Effect.zipRight(lease.end(reason), new LeaseEnded({ runId: lease.ref.runId, reason }))

  const verdict = (error: AppendError): Effect.Effect<never, ExecutorFailure | LeaseEnded> => {
    switch (error._tag) {
      case "EventRefused":
      case "CursorMismatch":
        return refusal(error)
      case "ControlPlaneRefused":
      case "ControlPlaneUnavailable":
      case "ControlPlaneUnsupported":
        return refused("log_refused", error.message)
      case "RunEnded":
        return endLease(error.status === "cancelled" ? "Cancelled" : "Lost")
      default:
        return endLease("Lost")
    }
  }

  /** Drops refused events with all events after them. An interrupted append may have been made, so it drops none. */
  const append = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
    retryUnavailable(
      log.append({ runId: lease.ref.runId, events, expectedSequence: sequence, fence: lease.ref }),
    ).pipe(
      Effect.tapBoth({
        onFailure: () => Effect.sync(() => drop(waiting.length)),
        onSuccess: () =>
          Effect.sync(() => {
            sequence = Sequence.make(sequence + events.length)
            drop(events.length)
          }),
      }),
      Effect.catchAll(verdict),
    )

  const drop = (count: number): void => {
    waiting = waiting.slice(count)
    if (waiting.length < capacity) room.unsafeOpen()
    if (waiting.length === 0) some.unsafeClose()
  }

  // Starts a turn later, so that the events of a stream that ends at once are written with the outcome.
  const appender = Effect.yieldNow().pipe(
    Effect.zipRight(some.await),
    Effect.zipRight(idle.close),
    Effect.zipRight(Effect.suspend(() => append(batchOf(waiting)))),
    Effect.ensuring(idle.open),
    Effect.zipRight(Effect.sleep(options.linger)),
    Effect.forever,
    Effect.catchAllDefect((defect) => refused("log_refused", `The log failed: ${String(defect)}`)),
    // When the lease has ended, the executor is being stopped already.
    Effect.catchAll((failure) =>
      failure._tag === "LeaseEnded" ? Effect.void : Effect.sync(() => options.stop(failure)),
    ),
  )
  let appending: Fiber.RuntimeFiber<void> | undefined

  const accept = (chunk: Chunk.Chunk<AgentEvent.LogEvent>): Effect.Effect<void, SinkFailure> =>
    Effect.suspend((): Effect.Effect<void, SinkFailure> => {
      for (const event of chunk) {
        const problem = AgentEvent.problemOf(event)
        if (problem !== undefined) return refused("bad_event", problem)
        if (AgentEvent.endsRun(event)) return new EndedByEvent({ event })
        if (event.type !== "RUN_STARTED") waiting.push(...fit(event))
      }
      if (waiting.length === 0) return Effect.void
      some.unsafeOpen()
      if (waiting.length >= capacity) room.unsafeClose()
      return appending === undefined
        ? Effect.zipRight(
            Effect.map(Effect.fork(appender), (fiber) => {
              appending = fiber
            }),
            room.await,
          )
        : room.await
    })

  const settled = Effect.suspend(() =>
    appending === undefined ? Effect.void : Effect.zipRight(idle.await, Fiber.interrupt(appending)),
  )

  const flush: Effect.Effect<void, ExecutorFailure | LeaseEnded> = Effect.suspend(() =>
    waiting.length === 0 ? Effect.void : Effect.zipRight(append(batchOf(waiting)), flush),
  )

  const flushBefore: RunSink["flushBefore"] = Effect.suspend(() => {
    if (waiting.length === 0) return Effect.succeed(undefined)
    const events = batchOf(waiting)
    if (events.length < waiting.length) return Effect.zipRight(append(events), flushBefore)
    waiting = []
    return Effect.succeed({ events, expectedSequence: sequence })
  })

  return {
    run: <R>(events: Stream.Stream<AgentEvent.LogEvent, ExecutorFailure, R>) =>
      Effect.scopedWith((scope) =>
        // Pulling needs no fiber of its own; running a stream does.
        Effect.flatMap(Channel.toPullIn(Stream.toChannel(events), scope), (pull) => {
          const next: Effect.Effect<void, SinkFailure, R> = Effect.flatMap(pull, (pulled) =>
            Either.isRight(pulled) ? Effect.zipRight(accept(pulled.right), next) : Effect.void,
          )
          return next
        }),
      ).pipe(
        Effect.exit,
        Effect.flatMap((exit) => Effect.zipRight(settled, exit)),
      ),

    flush,
    flushBefore,
  }
}
