/**
 * The runs that a worker has claimed, as records that move from state to state.
 *
 * Each record has one fiber at a time. The Scope of the worker owns them through `drain`, which its finalizer runs:
 * nothing else ends the fibers of the runs.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Exit, Fiber, FiberId, Option, type Scope, type Tracer } from "effect"
import type { Executor } from "../executor/Executor.js"
import type * as Ids from "../model/Ids.js"
import type { ClaimedRun } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Leases } from "../ports/Leases.js"
import { RunLog } from "../ports/RunLog.js"
import * as AttemptTrace from "./AttemptTrace.js"
import { LeaseEnded, type Loss } from "./Lease.js"
import * as LeaseRenewal from "./LeaseRenewal.js"
import { decide } from "./RunDecision.js"
import * as RunDrain from "./RunDrain.js"
import * as RunExecution from "./RunExecution.js"
import type { RunRecord, RunState } from "./RunRecord.js"
import * as RunSink from "./RunSink.js"
import * as RunWrite from "./RunWrite.js"
import * as LoopTurns from "./LoopTurns.js"
import * as StallReport from "./StallReport.js"
import * as WorkerEvent from "./WorkerEvent.js"
import * as CountedEvents from "./CountedEvents.js"
import * as WorkerMetrics from "./WorkerMetrics.js"
import type { Resolved } from "./WorkerOptions.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RunRecords {
  /**
   * Starts the executors of claimed runs, but for those whose deadline has passed, and renews their leases.
   *
   * Units: `sentAt` is when the claim was sent, in nanoseconds of the monotonic clock.
   */
  readonly start: (runs: ReadonlyArray<ClaimedRun>, sentAt: bigint) => Effect.Effect<void>

  /**
   * Ends the lease of a run from this side: interrupts its executor, or a write that can no longer succeed. A drain
   * lets a write go on, since its decision is made.
   */
  readonly endLease: (record: RunRecord, reason: Loss) => void

  /**
   * How many runs may be claimed now. A run holds a slot until its executor has ended; runs that wait for their write
   * are as many as the slots at most.
   */
  readonly freeSlots: () => number

  /** Waits until at least one slot is free. */
  readonly awaitSlot: Effect.Effect<void>

  readonly all: () => ReadonlyArray<RunRecord>

  /** The renewals that have failed since one succeeded. */
  readonly renewalFailures: LeaseRenewal.LeaseRenewal["failures"]

  /** Whether a lease has less than a third of its length left. */
  readonly isRenewalOverdue: LeaseRenewal.LeaseRenewal["isOverdue"]

  /**
   * Waits `drainTimeout` for the runs to end, then up to `interruptGrace` for the bodies that happen at most once and have begun. Then
   * it interrupts the executors and hands the runs back, and at last leaves what has not ended, such as an executor that ignores its
   * interruption.
   */
  readonly drain: Effect.Effect<void>
}

const holdsSlot = ({ _tag }: RunState): boolean => _tag === "Executing" || _tag === "Stopping"

/**
 * Makes the records of a worker. Their leases are renewed by fibers of the Scope, so `drain` must run before it closes.
 * `publish` gets an event when a run starts and when it has ended.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: Resolved,
  worker: { readonly id: Ids.WorkerId; readonly publish: (event: WorkerEvent.WorkerEvent) => void },
): Effect.fn.Return<RunRecords, never, Executor | ProjectPorts | Scope.Scope> {
  const leases = yield* Leases
  const log = yield* RunLog
  const clock = yield* Effect.clock
  const scope = yield* Effect.scope
  const execution = yield* RunExecution.make(worker.id)
  const turns = LoopTurns.make(clock)
  const renewal = yield* LeaseRenewal.make({
    workerId: worker.id,
    leaseDuration: options.leaseDuration,
    onStall: (stall) => {
      const blockers = turns.blockers(stall.duration)
      const executing = Array.from(records)
        .filter(({ state }) => holdsSlot(state))
        .map(({ run }) => run)
      return StallReport.report(
        stall,
        { executing, blockers: executing.filter(({ runId }) => blockers.has(runId)) },
        worker.publish,
      )
    },
  })
  const write = RunWrite.make(leases, options)

  const records = new Set<RunRecord>()
  const idle = yield* Effect.makeLatch(true)
  const slotFreed = yield* Effect.makeLatch(false)
  let occupied = 0

  const freeSlots = () => Math.min(options.concurrency - occupied, 2 * options.concurrency - records.size)

  const move = (record: RunRecord, state: RunState): void => {
    if (holdsSlot(record.state) && !holdsSlot(state)) {
      const now = clock.unsafeCurrentTimeNanos()
      // The run that has blocked the loop may end in the same turn: it is named while it still holds its slot.
      renewal.observe?.(now)
      occupied -= 1
      WorkerMetrics.executor.add(Number(now - record.startedAt) / 1e9)
      slotFreed.unsafeOpen()
    }
    record.state = state
  }

  const end = (record: RunRecord, event: WorkerEvent.WorkerEvent): void => {
    if (record.state._tag === "Ended") return
    move(record, { _tag: "Ended", event })
    renewal.remove(record.lease)
    records.delete(record)
    AttemptTrace.end(record.span, event, clock)
    WorkerMetrics.runsInFlight.add(-1)
    CountedEvents.countEnd(event)
    slotFreed.unsafeOpen()
    if (records.size === 0) idle.unsafeOpen()
    // The event comes last, so that its listeners find the run gone.
    worker.publish(event)
  }

  /** A store refuses the write of a cancelled run as that of a lost lease. */
  const afterWrite = ({ run, state }: RunRecord, event: WorkerEvent.WorkerEvent): WorkerEvent.WorkerEvent =>
    state._tag === "Writing" && state.cancelled === true && event._tag === "LeaseEnded"
      ? WorkerEvent.leaseEnded(run, "Cancelled")
      : event

  /** Decides by the end of the execution and writes, in the fiber of the record. */
  const conclude = (record: RunRecord, exit: Exit.Exit<void, RunSink.SinkFailure>): Effect.Effect<void> =>
    Effect.matchCauseEffect(
      Effect.suspend(() => {
        if (record.state._tag === "Ended") return Effect.succeed(record.state.event)
        const decision = decide(record.run, record.sink.progressed(), options, exit)
        move(record, { _tag: "Writing", decision, fiber: record.state.fiber })
        const written = write(record, decision)
        return Exit.isSuccess(exit) ? written : Effect.zipRight(RunExecution.logThrown(exit.cause), written)
      }),
      {
        onSuccess: (event) => Effect.sync(() => end(record, afterWrite(record, event))),
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), {
            onSome: (failure) => conclude(record, Exit.fail(failure)),
            onNone: () => Effect.sync(() => end(record, WorkerEvent.leaseEnded(record.run, "Lost"))),
          }),
      },
    )

  const executed = (record: RunRecord, exit: Exit.Exit<void, RunSink.SinkFailure>): Effect.Effect<void> =>
    Effect.flatMap(record.sink.settled, () =>
      record.state._tag === "Executing" ? conclude(record, exit) : Effect.void,
    )

  /** Waits for the executor, which is interrupted, and concludes with the failure that then stands. */
  const stopping = (record: RunRecord, executing: Fiber.RuntimeFiber<void>): Effect.Effect<void> =>
    Effect.zipRight(
      Effect.timeoutOption(
        Effect.zipRight(Fiber.await(executing), record.sink.settled),
        options.interruptGrace,
      ),
      Effect.suspend(() =>
        record.state._tag === "Stopping" ? conclude(record, Exit.fail(record.state.failure)) : Effect.void,
      ),
    )

  const stop = (record: RunRecord, failure: RunSink.SinkFailure): void => {
    const { state } = record
    switch (state._tag) {
      case "Executing": {
        state.fiber.unsafeInterruptAsFork(FiberId.none)
        record.sink.interrupt()
        const fiber = record.fork(stopping(record, state.fiber))
        return move(record, { _tag: "Stopping", failure, fiber })
      }
      case "Stopping":
        // Nothing else matters once the lease has ended.
        if (state.failure._tag !== "LeaseEnded") move(record, { ...state, failure })
        return
      case "Writing":
        if (failure._tag !== "LeaseEnded" || failure.reason === "Drained") return
        // The write that is in flight may have ended the lease itself: its answer decides.
        if (failure.reason === "Cancelled") record.state = { ...state, cancelled: true }
        if (failure.reason !== "Expired") return
        state.fiber.unsafeInterruptAsFork(FiberId.none)
        return end(record, WorkerEvent.leaseEnded(record.run, failure.reason))
      case "Ended":
        return
    }
  }

  const endLease = (record: RunRecord, reason: Loss): void =>
    stop(record, new LeaseEnded({ runId: record.run.runId, reason }))

  /** Gives the export of the attempt before, where that was lost and there is a tracer. */
  const startOne = (
    run: ClaimedRun,
    sentAt: bigint,
    tracer: Tracer.Tracer,
  ): Effect.Effect<void> | undefined => {
    const span = AttemptTrace.begin(run, worker.id, clock, tracer)
    const lease = renewal.add(run, sentAt, {
      onEnd: (reason) => endLease(record, reason),
      onTold: (inbox) => record.sink.told(inbox),
    })
    const sink = RunSink.make({
      log,
      claimed: run,
      lease: { ref: lease.ref, end: (reason) => Effect.sync(() => endLease(record, reason)) },
      leaseDuration: options.leaseDuration,
      clock,
      linger: options.appendLinger,
      fork: (effect) => record.fork(effect),
      stop: (failure) => stop(record, failure),
    })
    const fork = execution.forkOf(
      { run, lease, sink, span },
      renewal.observe === undefined ? undefined : turns.of(run.runId),
    )
    const fiber = fork(
      Effect.matchCauseEffect(
        Effect.suspend(() => execution.execute(record)),
        {
          onSuccess: () => executed(record, Exit.void),
          onFailure: (cause) => executed(record, Exit.failCause(cause)),
        },
      ),
    )
    const startedAt = clock.unsafeCurrentTimeNanos()
    const record: RunRecord = {
      run,
      lease,
      sink,
      span,
      startedAt,
      fork,
      state: { _tag: "Executing", fiber },
    }
    records.add(record)
    occupied += 1
    WorkerMetrics.claimedRuns.add(1)
    WorkerMetrics.runsInFlight.add(1)
    if (run.queuedMillis !== undefined) WorkerMetrics.pickUp.add(run.queuedMillis / 1000)
    idle.unsafeClose()
    worker.publish(WorkerEvent.Claimed({ run }))
    // The answer to the claim came too late. The fiber has not begun, so the executor does not start.
    if (lease.deadline.current().stopsAt <= startedAt) endLease(record, "Expired")
    return span?._tag === "Span" && (run.leaseEpoch ?? 1) > 1
      ? AttemptTrace.exportLost(log, run, span)
      : undefined
  }

  const start = (runs: ReadonlyArray<ClaimedRun>, sentAt: bigint): Effect.Effect<void> =>
    Effect.tracerWith((tracer) => {
      const lost = runs.flatMap((run) => startOne(run, sentAt, tracer) ?? [])
      return lost.length === 0
        ? Effect.void
        : Effect.forEach(lost, (exporting) => Effect.forkIn(exporting, scope), { discard: true })
    })

  const awaitSlot: Effect.Effect<void> = Effect.suspend(() => {
    if (freeSlots() > 0) return Effect.void
    slotFreed.unsafeClose()
    return Effect.zipRight(slotFreed.await, awaitSlot)
  })

  return {
    start,
    endLease,
    freeSlots,
    awaitSlot,
    all: () => Array.from(records),
    renewalFailures: renewal.failures,
    isRenewalOverdue: renewal.isOverdue,
    drain: RunDrain.make({ records, idle, options, endLease, end }),
  }
})
