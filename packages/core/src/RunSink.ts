/**
 * Turns an executor's stream into appends to the run's log.
 *
 * The first event goes at once; those that come while an append is in flight, or within `linger` after it, go
 * together in the next. The stream is pulled no faster than the log takes it.
 *
 * @since 0.1.0
 */
import { Chunk, Data, Deferred, Duration, Effect, Mailbox, Stream } from "effect"
import * as AgentEvent from "./AgentEvent.js"
import { sizeOf } from "./Append.js"
import { backoff, heeding } from "./ControlPlaneUnavailable.js"
import { ExecutorError, type ExecutorFailure } from "./Executor.js"
import type { Lease, LeaseEnded } from "./Lease.js"
import type { ClaimedRun } from "./Run.js"
import { Sequence } from "./Run.js"
import type { AppendError, Appended } from "./RunLog.js"
import { maxBatch, maxEventBytes, RunLog } from "./RunLog.js"

/** How many events may wait for the log before the executor does. */
const capacity = 256

/** How many bytes of events go into one append, the first event whatever its size. */
const maxBatchBytes = 1_048_576

/**
 * How a stream ended by an event of its own: RUN_FINISHED or RUN_ERROR, which only the control plane writes.
 *
 * @since 0.1.0
 * @category models
 */
export class EndedByEvent extends Data.TaggedError("EndedByEvent")<{
  readonly event: AgentEvent.AgentEvent
}> {}

export type SinkFailure = ExecutorFailure | EndedByEvent | LeaseEnded

const refused = (code: string, message: string) => new ExecutorError({ code, message })

/** The longest head of `text` whose JSON fits into `bytes`, never between the halves of a surrogate pair. */
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

/**
 * The event as the log can take it: itself, or, where its delta is too long, several with parts of it.
 *
 * @since 0.1.0
 * @category events
 */
export const fit = (event: AgentEvent.AgentEvent): ReadonlyArray<AgentEvent.AgentEvent> => {
  const delta = event["delta"]
  if (!splittable.has(event.type) || typeof delta !== "string" || sizeOf(event) <= maxEventBytes) {
    return [event]
  }
  const room = maxEventBytes - sizeOf({ ...event, delta: "" })
  if (room <= 0) return [event]
  const parts: Array<AgentEvent.AgentEvent> = []
  for (let rest = delta; rest !== ""; rest = rest.slice(String(parts.at(-1)!["delta"]).length)) {
    parts.push({ ...event, delta: headOf(rest, room) })
  }
  return parts
}

/** The first events of `events` that go into one append. */
const batchOf = (events: ReadonlyArray<AgentEvent.AgentEvent>): ReadonlyArray<AgentEvent.AgentEvent> => {
  let bytes = 0
  let count = 0
  for (const event of events) {
    bytes += sizeOf(event)
    if (count > 0 && (count === maxBatch || bytes > maxBatchBytes)) break
    count += 1
  }
  return events.slice(0, count)
}

/** Retries for as long as the lease lets it, no sooner than asked. */
export const whileUnavailable = heeding(backoff("50 millis", "2 seconds"))

/**
 * Runs the stream into the log and ends when all of it is there. Fails with what the stream fails with, after
 * the events before it are in the log; with `EndedByEvent` when the stream says itself how the run ends; and with
 * `LeaseEnded` when the log says that the lease is.
 *
 * Units: `linger` is the least time between two appends of a run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = Effect.fnUntraced(function* (options: {
  readonly claimed: ClaimedRun
  readonly lease: Lease
  readonly events: Stream.Stream<AgentEvent.AgentEvent, ExecutorFailure>
  readonly linger: Duration.DurationInput
}): Effect.fn.Return<void, SinkFailure, RunLog> {
  const log = yield* RunLog
  const { lease } = options
  const produced = yield* Deferred.make<void>()
  let sequence = options.claimed.latestSequence

  const verdict = (error: AppendError): Effect.Effect<never, ExecutorFailure | LeaseEnded> => {
    switch (error._tag) {
      case "EventRefused":
        return Effect.fail(
          refused(error.reason === "too_large" ? "event_too_large" : "bad_event", error.message),
        )
      case "CursorMismatch":
        return Effect.fail(
          refused("log_conflict", `Somebody else appended to the log of this run: ${error.message}`),
        )
      case "ControlPlaneUnavailable":
        return Effect.fail(refused("log_refused", error.message))
      case "RunEnded":
        return Effect.zipRight(lease.end(error.status === "cancelled" ? "Cancelled" : "Lost"), lease.ended)
      default:
        return Effect.zipRight(lease.end("Lost"), lease.ended)
    }
  }

  const append = (
    events: ReadonlyArray<AgentEvent.AgentEvent>,
  ): Effect.Effect<Appended, ExecutorFailure | LeaseEnded> =>
    log.append({ runId: lease.ref.runId, events, expectedSequence: sequence, fence: lease.ref }).pipe(
      Effect.retry({
        schedule: whileUnavailable,
        while: (error) => error._tag === "ControlPlaneUnavailable" && error.retryable,
      }),
      Effect.catchAll(verdict),
    )

  const appendAll = Effect.fnUntraced(function* (events: ReadonlyArray<AgentEvent.AgentEvent>) {
    let rest = events
    while (rest.length > 0) {
      const batch = batchOf(rest)
      yield* append(batch)
      sequence = Sequence.make(sequence + batch.length)
      rest = rest.slice(batch.length)
    }
  })

  const accept = (
    chunk: Chunk.Chunk<AgentEvent.AgentEvent>,
    mailbox: Mailbox.Mailbox<AgentEvent.AgentEvent, SinkFailure>,
  ) =>
    Effect.gen(function* () {
      for (const event of chunk) {
        const problem = AgentEvent.problemOf(event)
        if (problem !== undefined) return yield* Effect.fail(refused("bad_event", problem))
        if (AgentEvent.endsRun(event)) return yield* Effect.fail(new EndedByEvent({ event }))
        if (event.type !== "RUN_STARTED") yield* mailbox.offerAll(fit(event))
      }
    })

  yield* Effect.scoped(
    Effect.gen(function* () {
      const mailbox = yield* Mailbox.make<AgentEvent.AgentEvent, SinkFailure>({ capacity })
      yield* options.events.pipe(
        Stream.runForEachChunk((chunk) => accept(chunk, mailbox)),
        Mailbox.into(mailbox),
        Effect.ensuring(Deferred.succeed(produced, undefined)),
        Effect.forkScoped,
      )
      while (true) {
        const [events, done] = yield* mailbox.takeAll
        yield* appendAll(Chunk.toReadonlyArray(events))
        if (done) return
        yield* Effect.raceFirst(Effect.sleep(options.linger), Deferred.await(produced))
      }
    }),
  )
})
