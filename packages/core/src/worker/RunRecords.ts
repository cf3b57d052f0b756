/**
 * The runs that a worker has claimed, as records that move from phase to phase.
 *
 * Each record has one fiber at a time. The Scope of the worker owns them through `drain`, which its finalizer runs:
 * nothing else ends the fibers of the runs.
 */
import {
  type Clock,
  Context,
  Duration,
  Effect,
  Exit,
  FiberId,
  FiberRef,
  FiberRefs,
  HashMap,
  Runtime,
  RuntimeFlags,
  type Scope,
  Supervisor,
  Tracer,
} from "effect"
import { Emit } from "../executor/Emit.js"
import type { RunContext } from "../executor/Execution.js"
import * as Executor from "../executor/Executor.js"
import { LeaseDeadline } from "../executor/LeaseDeadline.js"
import { StepLog } from "../executor/StepLog.js"
import type * as Ids from "../model/Ids.js"
import type { RunId } from "../model/Ids.js"
import type { ClaimedRun } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import { Leases } from "../ports/Leases.js"
import { RunLog } from "../ports/RunLog.js"
import * as TraceContext from "../ports/TraceContext.js"
import { hasReader } from "../ports/Tracing.js"
import * as AttemptTrace from "./AttemptTrace.js"
import * as ClaimLoop from "./ClaimLoop.js"
import * as DrainRequest from "./DrainRequest.js"
import * as EventFeed from "./EventFeed.js"
import { LeaseEnded, type Loss } from "./Lease.js"
import * as LeaseRenewal from "./LeaseRenewal.js"
import type { Stall } from "./RenewalRounds.js"
import type * as OtherVersion from "./OtherVersion.js"
import * as RunConclusion from "./RunConclusion.js"
import type { ForkOfRun, RunPhase, RunRecord } from "./RunRecord.js"
import * as RunSink from "./RunSink.js"
import * as WorkerEvent from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"
import type { Resolved } from "./WorkerOptions.js"

// The report of a stall: a measurement, an event of the worker and a line of the log.

/** A line names no more runs than this. */
const namedRuns = 20

const lineOf = (
  { duration, stoppedAfter }: Stall,
  runs: ReadonlyArray<ClaimedRun>,
  areBlockers: boolean,
): string => {
  const names = runs.slice(0, namedRuns).map(({ agentId, runId }) => `${runId} (${agentId})`)
  const more = runs.length > namedRuns ? ` and ${runs.length - namedRuns} more` : ""
  const these = runs.length === 1 ? "this run" : "these runs"
  const whose = areBlockers
    ? `in the code of ${these}`
    : `while ${these} ${runs.length === 1 ? "was" : "were"} executing`
  const stopped =
    stoppedAfter === undefined
      ? ""
      : `. Leases were not renewed after ${Duration.format(stoppedAfter)}, so other workers may have the runs of this worker`
  const seconds = Duration.toSeconds(duration).toFixed(1)
  return `The event loop stood still for ${seconds} s ${whose}: ${names.join(", ")}${more}${stopped}`
}

/**
 * Counts a stall that has ended, and publishes it with the runs whose code blocked the loop, or with all that were executing where it is
 * unclear whose. The effect logs it. Where no run was executing, it is only counted.
 */
const reportStall = (
  stall: Stall,
  runs: { readonly blockers: ReadonlyArray<ClaimedRun>; readonly executing: ReadonlyArray<ClaimedRun> },
  publish: (event: WorkerEvent.WorkerEvent) => void,
): Effect.Effect<void> => {
  WorkerMetrics.stalls.add(Duration.toSeconds(stall.duration))
  const areBlockers = runs.blockers.length > 0
  const named = areBlockers ? runs.blockers : runs.executing
  if (named.length === 0) return Effect.void
  publish(WorkerEvent.Stalled({ ...stall, runs: named, areBlockers }))
  return Effect.logWarning(lineOf(stall, named, areBlockers))
}

// Whose code has the event loop. Effect reports each turn of a run's fibers; what runs after an `await` of a promise is in no turn.

/** A turn of this length is remembered until a stall is reported. Others take microseconds. */
const long = Duration.unsafeToNanos(Duration.millis(100))

/** The largest number of turns that are remembered: the latest. */
const capacity = 100

interface Turn {
  readonly runId: RunId
  readonly startedAt: bigint
  readonly endedAt: bigint
}

interface LoopTurns {
  /** Sees the turns of the fibers that it supervises as those of this run. */
  readonly of: (runId: RunId) => Supervisor.Supervisor<void>

  /** The runs whose turns were most of a stall that ends now, or none where that is unclear. Forgets the turns before. */
  readonly blockers: (stall: Duration.Duration) => ReadonlySet<RunId>
}

const loopTurns = (clock: Clock.Clock): LoopTurns => {
  /** The run whose turn it is. One turn at a time has the loop. */
  let current: RunId | undefined
  let startedAt = 0n
  let remembered: Array<Turn> = []

  class Turns extends Supervisor.AbstractSupervisor<void> {
    readonly value = Effect.void

    constructor(private readonly runId: RunId) {
      super()
    }

    override onResume(): void {
      current = this.runId
      startedAt = clock.unsafeCurrentTimeNanos()
    }

    override onSuspend(): void {
      if (current === undefined) return
      const endedAt = clock.unsafeCurrentTimeNanos()
      if (endedAt - startedAt >= long) {
        if (remembered.length === capacity) remembered.shift()
        remembered.push({ runId: current, startedAt, endedAt })
      }
      current = undefined
    }
  }

  return {
    of: (runId) => new Turns(runId),
    blockers: (stall) => {
      const now = clock.unsafeCurrentTimeNanos()
      const nanos = Duration.unsafeToNanos(stall)
      const turns =
        current === undefined ? remembered : [...remembered, { runId: current, startedAt, endedAt: now }]
      remembered = []
      const inStall = turns.filter(
        ({ endedAt, startedAt }) => endedAt - startedAt >= long && endedAt > now - nanos,
      )
      const total = inStall.reduce((sum, { endedAt, startedAt }) => sum + endedAt - startedAt, 0n)
      return new Set(total * 2n < nanos ? [] : inStall.map(({ runId }) => runId))
    },
  }
}

// The execution of one claimed run: the fiber of a run, and the effect that it runs.

export interface RunExecution {
  /**
   * Makes the fork of a run. Its fibers start with the run's span, log annotation, lease deadline, sink and steps already
   * set, so the run pays for no regions that set them. `turns` sees their turns of the event loop.
   */
  readonly forkOf: (
    record: Pick<RunRecord, "run" | "lease" | "sink" | "span">,
    turns: Supervisor.Supervisor<void> | undefined,
  ) => ForkOfRun

  readonly executor: Executor.Executor["Type"]["execute"]
}

type AnyRef = Parameters<FiberRefs.FiberRefs["locals"]["get"]>[0]

/** Makes the executions of a worker, which run in the context of the caller. */
export const makeExecution = Effect.fnUntraced(function* (
  workerId: Ids.WorkerId,
): Effect.fn.Return<RunExecution, never, Executor.Executor | ProjectPorts> {
  const { execute } = yield* Executor.all
  const annotations = HashMap.set(
    yield* FiberRef.get(FiberRef.currentLogAnnotations),
    "worker_id",
    workerId as unknown,
  )
  const supervisor = yield* FiberRef.get(FiberRef.currentSupervisor)
  // A worker may be made in an uninterruptible region, which its runs are not part of.
  const runtime = Runtime.enableRuntimeFlag(yield* Effect.runtime<ProjectPorts>(), RuntimeFlags.Interruption)

  /** What the fibers of all runs inherit; each has its own values in a copy. */
  const inherited = FiberRefs.forkAs(runtime.fiberRefs, FiberId.unsafeMake()).locals

  return {
    executor: execute,
    forkOf: ({ lease, run: { attempt, runId }, sink, span }, turns) => {
      // The caller's context with the services of a run, in one copy.
      const services = new Map(runtime.context.unsafeMap)
      services.set(LeaseDeadline.key, lease.deadline)
      services.set(Emit.key, sink)
      services.set(StepLog.key, sink)
      if (span !== undefined) services.set(Tracer.ParentSpan.key, span)
      const context: Context.Context<RunContext> = Context.unsafeMake(services)
      const values = new Map<AnyRef, unknown>([
        [FiberRef.currentContext, context],
        [
          FiberRef.currentLogAnnotations,
          HashMap.set(HashMap.set(annotations, "run_id", runId), "attempt", attempt),
        ],
      ])
      if (turns !== undefined) values.set(FiberRef.currentSupervisor, supervisor.zip(turns))
      const ofRun = Runtime.make({ ...runtime, context, fiberRefs: FiberRefs.empty() })
      const updateRefs = (_: FiberRefs.FiberRefs, id: FiberId.Runtime) => {
        const locals = new Map(inherited)
        for (const [ref, value] of values) locals.set(ref, [[id, value]])
        return FiberRefs.unsafeMake(locals)
      }
      return (effect) => Runtime.runFork(ofRun, effect, { immediate: false, updateRefs })
    },
  }
})

export interface RunRecords {
  /**
   * Takes the runs that a claim of at most `limit` has got, and renews their leases. As many executors start as there are slots, and the
   * other runs wait for one. A run whose deadline has passed does not start.
   *
   * Units: `sentAt` is when the claim was sent, in nanoseconds of the monotonic clock.
   */
  readonly start: (
    runs: ReadonlyArray<ClaimedRun>,
    claim: { readonly sentAt: bigint; readonly limit: number },
  ) => Effect.Effect<void>

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

  /** How many runs may be claimed besides those, to wait for a slot. */
  readonly aheadRoom: () => number

  /** Waits until some runs may be claimed. */
  readonly awaitRoom: Effect.Effect<void>

  readonly all: () => ReadonlyArray<RunRecord>

  /** How many of them wait for a slot. */
  readonly waiting: () => number

  /** Hands back the runs that wait. */
  readonly letWaitingGo: () => void

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

const holdsSlot = ({ _tag }: RunPhase): boolean => _tag === "Executing" || _tag === "Stopping"

/**
 * Makes the records of a worker. Their leases are renewed by fibers of the Scope, so `drain` must run before it closes.
 * `publish` gets an event when a run starts and when it has ended.
 */
export const make = Effect.fnUntraced(function* (
  options: Resolved,
  worker: {
    readonly id: Ids.WorkerId
    readonly publish: (event: WorkerEvent.WorkerEvent) => void
    readonly otherVersion: ReturnType<typeof OtherVersion.make>
  },
): Effect.fn.Return<RunRecords, never, Executor.Executor | ProjectPorts | Scope.Scope> {
  const leases = yield* Leases
  const log = yield* RunLog
  const clock = yield* Effect.clock
  const scope = yield* Effect.scope
  const execution = yield* makeExecution(worker.id)
  const turns = loopTurns(clock)
  const renewal = yield* LeaseRenewal.make({
    workerId: worker.id,
    leaseDuration: options.leaseDuration,
    onStall: (stall) => {
      const blockers = turns.blockers(stall.duration)
      const executing = Array.from(records)
        .filter(({ phase }) => holdsSlot(phase))
        .map(({ run }) => run)
      return reportStall(
        stall,
        { executing, blockers: executing.filter(({ runId }) => blockers.has(runId)) },
        worker.publish,
      )
    },
  })

  const records = new Set<RunRecord>()
  const idle = yield* Effect.makeLatch(true)
  const room = yield* Effect.makeLatch(false)
  let occupied = 0

  const ahead = yield* ClaimLoop.aheadRuns<RunRecord>({
    most: options.claimAhead,
    slots: options.concurrency,
  })

  const freeSlots = () =>
    Math.min(options.concurrency - occupied, 2 * options.concurrency - (records.size - ahead.size()))

  /** Something may be claimed or started now that could not before. */
  const roomMade = (): void => {
    while (freeSlots() > 0) {
      const next = ahead.take()
      if (next === undefined) break
      execute(next)
    }
    room.unsafeOpen()
  }

  const move = (record: RunRecord, phase: RunPhase): void => {
    if (record.phase._tag === "Waiting") ahead.remove(record)
    const frees = holdsSlot(record.phase) && !holdsSlot(phase)
    if (frees) {
      const now = clock.unsafeCurrentTimeNanos()
      // The run that has blocked the loop may end in the same turn: it is named while it still holds its slot.
      renewal.observe?.(now)
      occupied -= 1
      const nanos = now - record.startedAt
      WorkerMetrics.executor.add(Number(nanos) / 1e9)
      ahead.slotFreed(nanos)
    }
    record.phase = phase
    if (frees) roomMade()
  }

  const end = (record: RunRecord, event: WorkerEvent.WorkerEvent): void => {
    if (record.phase._tag === "Ended") return
    move(record, { _tag: "Ended", event })
    renewal.remove(record.lease)
    records.delete(record)
    if (record.span?._tag === "Span") AttemptTrace.end(record.span, event, clock)
    WorkerMetrics.runsInFlight.add(-1)
    EventFeed.countEnd(event)
    roomMade()
    if (records.size === 0) idle.unsafeOpen()
    // The event comes last, so that its listeners find the run gone.
    worker.publish(event)
  }

  const { executed, stop } = RunConclusion.make({
    options,
    write: RunConclusion.makeWrite(leases, options, worker.otherVersion),
    move,
    end,
  })

  const endLease = (record: RunRecord, reason: Loss): void =>
    stop(record, new LeaseEnded({ runId: record.run.runId, reason }))

  const execute = (record: RunRecord): void => {
    const fiber = record.fork(
      Effect.matchCauseEffect(
        Effect.suspend(() => record.sink.run(execution.executor(record.run))),
        {
          onSuccess: () => executed(record, Exit.void),
          onFailure: (cause) => executed(record, Exit.failCause(cause)),
        },
      ),
    )
    record.startedAt = clock.unsafeCurrentTimeNanos()
    record.phase = { _tag: "Executing", fiber }
    occupied += 1
  }

  /** Returns the export of the attempt before, where that was lost and there is a tracer. */
  const startOne = (
    run: ClaimedRun,
    sentAt: bigint,
    tracer: Tracer.Tracer,
  ): Effect.Effect<void> | undefined => {
    const { traceContext } = run.snapshot
    // Where nothing exports spans, the attempt is in the submitter's own span, so that what it requests and spawns belongs to that trace.
    const span = hasReader(tracer)
      ? AttemptTrace.begin(run, worker.id, clock, tracer)
      : traceContext && TraceContext.toSpan(traceContext)
    const lease = renewal.add(run, sentAt, {
      onEnd: (reason) => endLease(record, reason),
      onMessages: (inbox) => record.sink.received(inbox),
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
    const startedAt = clock.unsafeCurrentTimeNanos()
    const record: RunRecord = { run, lease, sink, span, startedAt, fork, phase: { _tag: "Waiting" } }
    const hasSlot = freeSlots() > 0
    records.add(record)
    WorkerMetrics.claimedRuns.add(1)
    WorkerMetrics.runsInFlight.add(1)
    if (run.queuedMillis !== undefined) WorkerMetrics.pickUp.add(run.queuedMillis / 1000)
    idle.unsafeClose()
    worker.publish(WorkerEvent.Claimed({ run }))
    // The answer to the claim may have come too late.
    if (lease.deadline.current().stopsAt <= startedAt) endLease(record, "Expired")
    else if (hasSlot) execute(record)
    else ahead.add(record, startedAt)
    return span?._tag === "Span" && (run.leaseEpoch ?? 1) > 1
      ? AttemptTrace.exportLost(log, run, span)
      : undefined
  }

  const start: RunRecords["start"] = (runs, { limit, sentAt }) =>
    Effect.tracerWith((tracer) => {
      ahead.answered({
        sentAt,
        receivedAt: clock.unsafeCurrentTimeNanos(),
        full: ClaimLoop.isFull(runs, limit),
      })
      const lost: Array<Effect.Effect<void>> = []
      for (const run of runs) {
        const exporting = startOne(run, sentAt, tracer)
        if (exporting !== undefined) lost.push(exporting)
      }
      return lost.length === 0
        ? Effect.void
        : Effect.forEach(lost, (exporting) => Effect.forkIn(exporting, scope), { discard: true })
    })

  const awaitRoom: Effect.Effect<void> = Effect.suspend(() => {
    if (freeSlots() + ahead.room() > 0) return Effect.void
    room.unsafeClose()
    return Effect.zipRight(room.await, awaitRoom)
  })

  yield* Effect.forkScoped(ahead.watch((record) => endLease(record, "Crowded")))

  const letWaitingGo = (): void => {
    for (const record of ahead.all()) endLease(record, "Drained")
  }

  return {
    start,
    endLease,
    freeSlots,
    aheadRoom: ahead.room,
    awaitRoom,
    all: () => Array.from(records),
    waiting: ahead.size,
    letWaitingGo,
    renewalFailures: renewal.failures,
    isRenewalOverdue: renewal.isOverdue,
    drain: Effect.zipRight(
      Effect.sync(letWaitingGo),
      DrainRequest.runDrain({ records, idle, options, endLease, end }),
    ),
  }
})
