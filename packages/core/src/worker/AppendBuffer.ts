/**
 * The events of one run that wait for its log, and the fiber that appends them.
 *
 * The first event is appended at once. Events that come during an append, or within `linger` after it, are appended
 * together.
 */
import { Duration, Effect, Fiber, FiberId } from "effect"
import { ExecutorError } from "../executor/ExecutorError.js"
import type * as AgentEvent from "../model/AgentEvent.js"
import type { LogEvent } from "../model/AgentEvent.js"
import * as JsonText from "../model/JsonText.js"
import { type LeaseRef, Sequence } from "../model/Run.js"
import { sizeOf } from "../ports/AppendRules.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type { LastEvents } from "../ports/Leases.js"
import {
  type Appended,
  type AppendError,
  type CursorMismatch,
  type EventRefused,
  maxBatch,
  maxEventBytes,
  type RunLog,
} from "../ports/RunLog.js"
import { LeaseEnded, type Loss } from "./Lease.js"

// Events with their size, so that they fit into the appends of a log.

/** An event, and an upper bound of its bytes as JSON. */
export interface SizedEvent {
  readonly event: AgentEvent.LogEvent
  readonly bytes: number
}

/** The most bytes of events in one append, unless its first event alone is larger. */
const maxBatchBytes = 1_048_576

const splittable = new Set(["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_ARGS"])

const measure = (event: AgentEvent.LogEvent): SizedEvent => {
  // A UTF-16 unit is at most three bytes, so the exact size of most events is not needed.
  const bound = JSON.stringify(event).length * 3
  return { event, bytes: bound <= maxEventBytes ? bound : sizeOf(event) }
}

/** The event itself, or, when its delta is too long for the log, several events with parts of the delta. */
export const fit = (event: AgentEvent.LogEvent): ReadonlyArray<SizedEvent> => {
  const whole = measure(event)
  const delta = event["delta"]
  if (whole.bytes <= maxEventBytes || !splittable.has(event.type) || typeof delta !== "string") return [whole]
  const room = maxEventBytes - sizeOf({ ...event, delta: "" })
  if (room < 6) return [whole]
  return JsonText.split(delta, room).map((part) => measure({ ...event, delta: part }))
}

/** The first events of `waiting` that fit into one append. */
const batchOf = (waiting: ReadonlyArray<SizedEvent>): ReadonlyArray<AgentEvent.LogEvent> => {
  let bytes = 0
  let count = 0
  for (const sized of waiting) {
    bytes += sized.bytes
    if (count > 0 && (count === maxBatch || bytes > maxBatchBytes)) break
    count += 1
  }
  return waiting.slice(0, count).map(({ event }) => event)
}

/** How many events may wait for the log before the executor waits too. */
const capacity = 256

const refused = (code: string, message: string) => new ExecutorError({ code, message })

/** The executor's failure when the log refuses its events. */
export const refusal = (error: EventRefused | CursorMismatch): ExecutorError =>
  error._tag === "EventRefused"
    ? refused(error.reason === "too_large" ? "event_too_large" : "bad_event", error.message)
    : refused("log_conflict", `Another writer appended to the log of this run: ${error.message}`)

export interface AppendBuffer {
  /** Adds events, however many wait. Events that are `urgent` do not wait for `linger`. */
  readonly add: (events: ReadonlyArray<SizedEvent>, urgent: boolean) => void

  /** Waits while more events wait than the executor may be ahead of its log. */
  readonly room: () => Effect.Effect<void>

  /** Waits until the log has all events that were added. */
  readonly written: () => Effect.Effect<void>

  /** Ends the fiber that appends, after the append that is in flight. No more events may be added. */
  readonly settled: Effect.Effect<void>

  /** Interrupts the fiber that appends. No more events may be added. */
  readonly interrupt: () => void

  /** Appends the events that wait. */
  readonly flush: Effect.Effect<void, ExecutorError | LeaseEnded>

  /** Appends the events that wait except the last batch, and returns that batch, which is written with the outcome. */
  readonly flushBefore: Effect.Effect<LastEvents | undefined, ExecutorError | LeaseEnded>

  /** Lets that batch wait again, since the outcome was not written. */
  readonly putBack: () => void
}

/**
 * Makes the buffer of one run, whose log has the sequence `sequence`. `fork` starts the fiber that appends; it must
 * outlive the fibers that add events. `stop` is called when the log refuses an append of that fiber, and `appended` with
 * the events of each append and its answer.
 *
 * Units: `linger` is the least time between two appends of a run.
 */
export const make = (options: {
  readonly log: RunLog["Type"]
  readonly lease: { readonly ref: LeaseRef; readonly end: (reason: Loss) => Effect.Effect<void> }
  readonly sequence: Sequence
  readonly linger: Duration.DurationInput
  readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  readonly stop: (failure: ExecutorError) => void
  readonly appended: (events: ReadonlyArray<LogEvent>, answer: Appended) => void
}): AppendBuffer => {
  const { lease, log } = options
  // The events that are not confirmed to be in the log, oldest first, and the log's sequence before them.
  let waiting: Array<SizedEvent> = []
  /** Those that are to be written with the outcome. */
  let last: Array<SizedEvent> = []
  let sequence = options.sequence
  let appending: Fiber.RuntimeFiber<void> | undefined
  const some = Effect.unsafeMakeLatch(false)
  const room = Effect.unsafeMakeLatch(true)
  const none = Effect.unsafeMakeLatch(true)
  const idle = Effect.unsafeMakeLatch(true)
  /** How many of the events that wait must not wait for `linger`: those up to the last urgent one. */
  let urgentCount = 0
  let lingering: Fiber.RuntimeFiber<void> | undefined

  const endLease = (reason: Loss) =>
    Effect.zipRight(lease.end(reason), new LeaseEnded({ runId: lease.ref.runId, reason }))

  const verdict = (error: AppendError): Effect.Effect<never, ExecutorError | LeaseEnded> => {
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

  const drop = (count: number): void => {
    waiting = waiting.slice(count)
    urgentCount = Math.max(0, urgentCount - count)
    if (waiting.length < capacity) room.unsafeOpen()
    if (waiting.length === 0) {
      some.unsafeClose()
      none.unsafeOpen()
    }
  }

  /** Drops refused events with all events after them. An interrupted append may have been made, so it drops none. */
  const append = Effect.suspend(() => {
    const events = batchOf(waiting)
    return Effect.matchEffect(
      retryUnavailable(
        log.append({ runId: lease.ref.runId, events, expectedSequence: sequence, fence: lease.ref }),
      ),
      {
        onFailure: (error) => {
          drop(waiting.length)
          return verdict(error)
        },
        onSuccess: (answer) => {
          sequence = Sequence.make(sequence + events.length, { disableValidation: true })
          drop(events.length)
          options.appended(events, answer)
          return Effect.void
        },
      },
    )
  })

  const linger = Duration.unsafeToNanos(options.linger)
  /** When the last append was over, on the monotonic clock in nanoseconds. */
  let appendedAt: bigint | undefined

  /** Waits until `linger` has passed since the last append. Most deltas come later than that, and need no timer. */
  const untilLingered = Effect.clockWith((clock) => {
    const left = appendedAt === undefined ? 0n : appendedAt + linger - clock.unsafeCurrentTimeNanos()
    if (urgentCount > 0 || left <= 0n) return Effect.void
    return Effect.flatMap(Effect.fork(Effect.sleep(Duration.nanos(left))), (sleeping) => {
      lingering = sleeping
      return Effect.asVoid(Fiber.await(sleeping))
    })
  })

  /** Appends what waits, for ever. `idle` is open between two appends, and once this has ended. */
  const appendAll: Effect.Effect<never, ExecutorError | LeaseEnded> = Effect.suspend(() =>
    waiting.length === 0
      ? Effect.zipRight(some.await, appendAll)
      : Effect.flatMap(untilLingered, () => {
          idle.unsafeClose()
          return Effect.flatMap(append, () =>
            Effect.clockWith((clock) => {
              appendedAt = clock.unsafeCurrentTimeNanos()
              idle.unsafeOpen()
              // Executors that waited for room add their events first, so that one append has more of them.
              return Effect.zipRight(Effect.yieldNow(), appendAll)
            }),
          )
        }),
  )

  // Starts a turn later, so that the events of an executor that ends at once are written with the outcome.
  const appender = Effect.yieldNow().pipe(
    Effect.zipRight(appendAll),
    Effect.catchAllDefect((defect) => refused("log_refused", `The log failed: ${String(defect)}`)),
    // When the lease has ended, the executor is being stopped already.
    Effect.catchAll((failure) =>
      failure._tag === "LeaseEnded" ? Effect.void : Effect.sync(() => options.stop(failure)),
    ),
  )

  const flush: AppendBuffer["flush"] = Effect.suspend(() =>
    waiting.length === 0 ? Effect.void : Effect.zipRight(append, flush),
  )

  const flushBefore: AppendBuffer["flushBefore"] = Effect.suspend(() => {
    if (waiting.length === 0) return Effect.succeed(undefined)
    const events = batchOf(waiting)
    if (events.length < waiting.length) return Effect.zipRight(append, flushBefore)
    last = waiting
    waiting = []
    some.unsafeClose()
    return Effect.succeed({ events, expectedSequence: sequence })
  })

  return {
    add: (events, urgent) => {
      for (const event of events) waiting.push(event)
      if (urgent) {
        urgentCount = waiting.length
        lingering?.unsafeInterruptAsFork(FiberId.none)
      }
      some.unsafeOpen()
      none.unsafeClose()
      if (waiting.length >= capacity) room.unsafeClose()
      if (appending !== undefined) return
      appending = options.fork(appender)
      appending.addObserver(() => idle.unsafeOpen())
    },
    // To await an open latch costs more than to look.
    room: () => (waiting.length < capacity ? Effect.void : room.await),
    written: () => (waiting.length === 0 ? Effect.void : none.await),
    settled: Effect.suspend(() =>
      appending === undefined
        ? Effect.void
        : Effect.zipRight(idle.await, Effect.asVoid(Fiber.interrupt(appending))),
    ),
    interrupt: () => appending?.unsafeInterruptAsFork(FiberId.none),
    flush,
    flushBefore,
    putBack: () => {
      waiting = last
      last = []
    },
  }
}
