/** Takes the events of an executor into the log of its run. What appends them is made at the first event. */
import {
  Channel,
  type Clock,
  type Context,
  Data,
  Duration,
  Effect,
  Either,
  Exit,
  type Fiber,
  Iterable,
  Predicate,
  Scope,
  Stream,
} from "effect"
import * as AttemptInbox from "../executor/AttemptInbox.js"
import * as AttemptSteps from "../executor/AttemptSteps.js"
import type { Emit } from "../executor/Emit.js"
import type { Execution } from "../executor/Execution.js"
import { ExecutorError, type ExecutorFailure } from "../executor/ExecutorError.js"
import { makeEvents, type Output, type OutputEvents } from "../executor/ExecutorOutput.js"
import * as Parking from "../executor/Parking.js"
import type { StepLog } from "../executor/StepLog.js"
import * as StepRecord from "../model/StepRecord.js"
import * as AgentEvent from "../model/AgentEvent.js"
import type { ClaimedRun, LeaseRef } from "../model/Run.js"
import type { LastEvents } from "../ports/Leases.js"
import { endsAttempt } from "../ports/ControlEvents.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import { type Appended, RunLog } from "../ports/RunLog.js"
import * as AppendBuffer from "./AppendBuffer.js"
import { fit, type SizedEvent } from "./AppendBuffer.js"
import type { LeaseEnded, Loss } from "./Lease.js"
import * as EventFeed from "./EventFeed.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

/** The executor ended the run by its own event: RUN_FINISHED or RUN_ERROR, which only the control plane writes. */
export class EndedByEvent extends Data.TaggedError("EndedByEvent")<{
  readonly event: AgentEvent.LogEvent
}> {}

/**
 * All that the executor does is to wait, so the run needs no worker until the first of these waits ends.
 *
 * Units: `now` is the store's time, in milliseconds since the epoch.
 */
export class Parked extends Data.TaggedError("Parked")<{
  readonly waits: Parking.Waits
  readonly now: number
}> {}

/** Why the execution of a run ended before its executor did. */
export type SinkFailure = ExecutorFailure | EndedByEvent | Parked | LeaseEnded

export interface RunSink {
  /** The steps of the run, made when they are first needed. */
  readonly steps: () => AttemptSteps.LoggedSteps

  /** Records the number of messages that the run has. */
  readonly received: (inbox: number | undefined) => void

  /** How many messages the run has consumed; absent where its executor consumes none. */
  readonly consumed: () => number | undefined

  /** Whether the attempt has recorded a step, so that it does not count against the attempts of the run. */
  readonly progressed: () => boolean

  /**
   * Runs what an executor returned into the log, no faster than the log takes its events. The last events may still wait
   * for `flush` or `flushBefore` when it ends.
   *
   * Fails: with the failure of the executor, or with `EndedByEvent` when the executor ends the run by an event.
   */
  readonly run: <R>(execution: Execution<R>) => Effect.Effect<void, SinkFailure, R | Emit | StepLog>

  /** The output of an Effect while it works. An event that the log cannot take, or that ends the run, stops the run. */
  readonly emit: Context.Tag.Service<Emit>["emit"]

  /** Waits for the bodies that happen at most once and have begun, until the log has what they left. No other one begins. */
  readonly releaseDrain: Effect.Effect<void>

  /** Drops further events, and waits for the append that is in flight. Others wait for `flush` or `flushBefore`. */
  readonly settled: Effect.Effect<void>

  /** Drops further events, and interrupts the append that is in flight. */
  readonly interrupt: () => void

  /** Appends the events that wait. */
  readonly flush: Effect.Effect<void, ExecutorFailure | LeaseEnded>

  /** Appends the events that wait except the last batch, and returns that batch, which is written with the outcome. */
  readonly flushBefore: Effect.Effect<LastEvents | undefined, ExecutorFailure | LeaseEnded>

  /** Appends that batch after all, since the outcome was not written. */
  readonly flushAfter: Effect.Effect<void, ExecutorFailure | LeaseEnded>
}

/**
 * The channel of a stream, with a continuation after it. A channel runs its finalizers before a continuation and leaves
 * those at its end to its Scope. So a stream that has ended in full has nothing left to close, which costs more than to
 * pull an event.
 */
const inFull = <A, E, R>(events: Stream.Stream<A, E, R>) =>
  Channel.flatMap(Stream.toChannel(events), () => Channel.void)

/** The event as an executor may write it: one that is not its own to write gets another name. The mark stays in this process. */
const own = (event: AgentEvent.LogEvent): AgentEvent.LogEvent => {
  if (!AgentEvent.isReserved(event)) return event
  return AgentEvent.isMarked(event) && !endsAttempt(event) ? { ...event } : AgentEvent.relayed(event)
}

/**
 * The store's time for the holder of a lease: as its claim reports it, and from then on by the monotonic clock. It is never ahead of the
 * store's. A control plane that grants no lease is assumed to have the worker's time.
 *
 * Units: milliseconds since the epoch.
 */
const storeTimeOf = (
  { leaseExpiresAt }: ClaimedRun,
  leaseDuration: Duration.Duration,
  clock: Clock.Clock,
): (() => number) => {
  const claimed = clock.unsafeCurrentTimeNanos()
  const claimedAt =
    leaseExpiresAt === null
      ? clock.unsafeCurrentTimeMillis()
      : leaseExpiresAt.epochMillis - Duration.toMillis(leaseDuration)
  return () => claimedAt + Math.floor(Number(clock.unsafeCurrentTimeNanos() - claimed) / 1e6)
}

/**
 * Makes the sink of one run. `fork` starts the fiber that appends, with the first event. `stop` is called when the run
 * must end while the executor is running: by an event that it emits, or since the log refuses an append.
 *
 * Units: `linger` is the least time between two appends of a run. A wait that ends within half of `leaseDuration` stays in memory.
 */
export const make = (options: {
  readonly log: RunLog["Type"]
  readonly claimed: ClaimedRun
  readonly lease: { readonly ref: LeaseRef; readonly end: (reason: Loss) => Effect.Effect<void> }
  readonly leaseDuration: Duration.Duration
  readonly clock: Clock.Clock
  readonly linger: Duration.DurationInput
  readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  readonly stop: (failure: SinkFailure) => void
}): RunSink => {
  const { claimed, stop } = options
  let buffer: AppendBuffer.AppendBuffer | undefined
  let output: OutputEvents | undefined
  let ended = false
  let ofRun: AttemptSteps.LoggedSteps | undefined
  let parking: Parking.Parking | undefined
  let inbox = claimed.inbox ?? 0
  const storeTime = storeTimeOf(claimed, options.leaseDuration, options.clock)
  const ofLog = <A, E extends { readonly _tag: string }>(reading: Effect.Effect<A, E, RunLog>) =>
    retryUnavailable(Effect.provideService(reading, RunLog, options.log))
  const steps = () =>
    (ofRun ??= AttemptSteps.make({
      runId: claimed.runId,
      lease: options.lease.ref,
      answers: claimed.snapshot.resume ?? [],
      budgetRoot: claimed.budgetRoot,
      trial: claimed.snapshot.trial,
      recorded: ofLog(AttemptSteps.recordedBefore(claimed)),
      inbox: AttemptInbox.make(inbox),
      messagesAfter: (after = claimed.latestEventId) =>
        ofLog(AttemptSteps.messagesAfter(claimed.runId, after)),
      parking: (parking = Parking.make({
        inMemory: Duration.times(options.leaseDuration, 0.5),
        fork: options.fork,
        suspend: (waits) => stop(new Parked({ waits, now: storeTime() })),
      })),
      storeTime,
    }))
  const received = (count: number | undefined): void => {
    if (count === undefined || count <= inbox) return
    inbox = count
    ofRun?.inbox.received(count)
  }

  const appended = (events: ReadonlyArray<AgentEvent.LogEvent>, answer: Appended): void => {
    ofRun?.appended(events)
    received(answer.inbox)
  }

  /** Adds the events before the first that cannot be added, and returns the failure if there is one. */
  const add = (events: Iterable<AgentEvent.LogEvent>): ExecutorError | EndedByEvent | undefined => {
    if (ended) return undefined
    const sized: Array<SizedEvent> = []
    let failure: ExecutorError | EndedByEvent | undefined
    let records = false
    for (const emitted of events) {
      const isRecord = StepRecord.isReserved(emitted)
      const event = isRecord ? steps().admit(emitted) : own(emitted)
      records ||= isRecord
      const problem = AgentEvent.problemOf(event)
      if (problem !== undefined) failure = new ExecutorError({ code: "bad_event", message: problem })
      else if (AgentEvent.endsRun(event)) failure = new EndedByEvent({ event })
      if (failure !== undefined) break
      EventFeed.countTokens(event)
      if (event.type !== "RUN_STARTED") sized.push(...fit(event))
    }
    if (sized.length > 0) {
      WorkerMetrics.events.add(sized.length)
      buffer ??= AppendBuffer.make({ ...options, sequence: claimed.latestSequence, appended })
      buffer.add(sized, records)
    }
    return failure
  }

  const room = (): Effect.Effect<void> => buffer?.room() ?? Effect.void

  const accept = (events: Iterable<AgentEvent.LogEvent>): Effect.Effect<void, SinkFailure> =>
    add(events) ?? room()

  /** What a Stream emits, and what its program emits meanwhile, are one output: text goes into the message that is open. */
  const eventsOf = (pieces: Iterable<string | AgentEvent.LogEvent>): Iterable<AgentEvent.LogEvent> => {
    if (output === undefined && !Iterable.some(pieces, Predicate.isString)) {
      return pieces as Iterable<AgentEvent.LogEvent>
    }
    return (output ??= makeEvents(claimed)).next(Array.from(pieces))
  }

  const ofStream = <R>(pieces: Stream.Stream<string | AgentEvent.LogEvent, ExecutorFailure, R>) =>
    Effect.flatMap(Scope.make(), (scope) => {
      // Pulling needs no separate fiber; running a stream does.
      const pulling = Effect.flatMap(Channel.toPullIn(inFull(pieces), scope), (pull) => {
        const next: Effect.Effect<void, SinkFailure, R> = Effect.flatMap(pull, (pulled) => {
          if (Either.isRight(pulled)) return Effect.zipRight(accept(eventsOf(pulled.right)), next)
          return output === undefined ? Effect.void : accept(output.last(undefined))
        })
        return next
      })
      return Effect.onError(pulling, (cause) => Scope.close(scope, Exit.failCause(cause)))
    })

  const ofEffect = <R>(effect: Effect.Effect<Output, ExecutorFailure, R>) =>
    Effect.flatMap(effect, (last): Effect.Effect<void, SinkFailure> =>
      last === undefined && output === undefined
        ? Effect.void
        : accept((output ?? makeEvents(claimed)).last(last)),
    )

  return {
    steps,
    received,
    consumed: () => ofRun?.inbox.consumed(),
    progressed: () => ofRun?.progressed() === true,
    run: (execution) => (Effect.isEffect(execution) ? ofEffect(execution) : ofStream(execution)),
    emit: (emitted, observe) =>
      Effect.suspend(() => {
        if (ended) return Effect.void
        output ??= makeEvents(claimed)
        const events = output.next(emitted)
        observe?.(events)
        const failure = add(events)
        if (failure === undefined) return room()
        stop(failure)
        return Effect.void
      }),
    releaseDrain: Effect.suspend(() => {
      if (ofRun === undefined) return Effect.void
      const { close, isActive: isHeld } = ofRun.drainHold
      return isHeld()
        ? Effect.zipRight(
            close,
            Effect.suspend(() => buffer?.written() ?? Effect.void),
          )
        : close
    }),
    settled: Effect.suspend(() => {
      ended = true
      parking?.close()
      return buffer?.settled ?? Effect.void
    }),
    interrupt: () => {
      ended = true
      parking?.close()
      buffer?.interrupt()
    },
    flush: Effect.suspend(() => buffer?.flush ?? Effect.void),
    flushBefore: Effect.suspend(() => buffer?.flushBefore ?? Effect.succeed(undefined)),
    flushAfter: Effect.suspend(() => {
      buffer?.putBack()
      return buffer?.flush ?? Effect.void
    }),
  }
}
