/** How a worker claims runs: as many as it has free slots, again and again. */
import { Cause, Clock, Duration, Effect, Exit, Fiber, FiberId, Random } from "effect"
import * as Ids from "../model/Ids.js"
import { Claims, maxClaim } from "../ports/Claims.js"
import { Leases } from "../ports/Leases.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { WorkerNotFound } from "../ports/WorkerRegistry.js"
import type { DrainRequest } from "./DrainRequest.js"
import type { RunRecords } from "./RunRecords.js"
import type { WorkerEvent } from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"
import type { Resolved } from "./WorkerOptions.js"
import type { ClaimedRun } from "../model/Run.js"

// The runs that a worker has claimed before it has a slot for them, so that quick runs do not wait for a round trip each.
//
// As many wait as could end while a claim is under way, as long as runs take now. So a worker whose runs take seconds claims none ahead,
// and one whose control plane is far away claims more.

/** How long a run waits for a slot until another worker may have it. */
export const longestWait = Duration.seconds(1)

const longestWaitNanos = Duration.unsafeToNanos(longestWait)

/**
 * An answer to a claim. `full`: whether it has as many runs as the claim may take.
 *
 * Units: nanoseconds of the monotonic clock.
 */
export interface Answer {
  readonly sentAt: bigint
  readonly receivedAt: bigint
  readonly full: boolean
}

export interface AheadRuns<A> {
  /** How many more runs the next claim may take ahead. */
  readonly room: () => number

  /** Records that a run has left its slot, in which it was for `nanos` nanoseconds. */
  readonly slotFreed: (nanos: bigint) => void

  /** Takes note of the answer to a claim. One that was short shows that no run is left to claim ahead. */
  readonly answered: (answer: Answer) => void

  /** How many runs wait. */
  readonly size: () => number

  /** Adds a run that waits, claimed at this monotonic time in nanoseconds. */
  readonly add: (run: A, at: bigint) => void

  /** Removes a run, if it waits. */
  readonly remove: (run: A) => void

  /** Removes the run that has waited longest. */
  readonly take: () => A | undefined

  readonly all: () => ReadonlyArray<A>

  /** Calls back for each run that has waited for `longestWait`, for ever. Then none is claimed ahead before another answer. */
  readonly watch: (late: (run: A) => void) => Effect.Effect<never>
}

/** `most`: the largest number of runs that wait. `slots`: how many execute at once. */
export const aheadRuns = <A>({
  most,
  slots,
}: {
  readonly most: number
  readonly slots: number
}): Effect.Effect<AheadRuns<A>> =>
  Effect.map(Effect.makeLatch(false), (someWait) => {
    const waiting = new Map<A, bigint>()
    let wanted = 0
    /** Of the runs since the last answer. */
    let freed = 0
    let busyNanos = 0

    const look = (late: (run: A) => void) =>
      Effect.map(Clock.currentTimeNanos, (now) => {
        for (const [run, since] of Array.from(waiting)) {
          if (now - since < longestWaitNanos) continue
          // Slots do not get free as fast as they did.
          wanted = 0
          late(run)
        }
        if (waiting.size === 0) someWait.unsafeClose()
      })

    return {
      room: () => Math.max(0, wanted - waiting.size),
      slotFreed: (nanos) => {
        freed += 1
        busyNanos += Number(nanos)
      },
      answered: ({ full, receivedAt, sentAt }) => {
        const roundTrip = Number(receivedAt - sentAt)
        const ending = freed === 0 ? 0 : (roundTrip * slots * freed) / Math.max(1, busyNanos)
        wanted = full ? Math.min(most, Math.floor(ending)) : 0
        freed = 0
        busyNanos = 0
      },
      size: () => waiting.size,
      add: (run, at) => {
        waiting.set(run, at)
        someWait.unsafeOpen()
      },
      remove: (run) => void waiting.delete(run),
      take: () => {
        const [first] = waiting.keys()
        if (first !== undefined) waiting.delete(first)
        return first
      },
      all: () => Array.from(waiting.keys()),
      watch: (late) =>
        Effect.forever(
          someWait.await.pipe(Effect.zipRight(Effect.sleep(longestWait)), Effect.zipRight(look(late))),
        ),
    }
  })

/** How a claim is answered: in full, and at once, or not. A claim that waited until a run came shows no backlog. */
export const isFull = (runs: ReadonlyArray<ClaimedRun>, limit: number): boolean =>
  runs.length >= limit && runs.every(({ waitedMillis }) => waitedMillis === 0)

/** How long a drain waits for the runs that a claim without an answer may have got. */
const handBackWithin = Duration.seconds(5)

/** Varies a duration by a fifth, so that workers started together do not poll together. */
const jittered = (duration: Duration.Duration): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.nextRange(0.8, 1.2), (factor) =>
    Duration.millis(Math.round(Duration.toMillis(duration) * factor)),
  )

/** A pause before the next claim while executors cannot start their runs. */
export interface StartPause {
  /** Takes note of how a run ended. */
  readonly observe: (event: WorkerEvent) => void

  /** Sleeps if a run was handed back by its executor since the last call: 1 second, doubled up to 30 seconds. */
  readonly sleep: Effect.Effect<void>
}

/** Makes the pause of a worker, which starts at one second. */
export const makeStartPause = (): StartPause => {
  let failed = false
  let rounds = 0
  return {
    observe: (event) => {
      switch (event._tag) {
        case "Released":
          if (event.error !== null) failed = true
          return
        case "Ended":
        case "Retrying":
        case "Suspended":
        case "Paused":
        case "LeaseEnded":
          rounds = 0
      }
    },
    sleep: Effect.suspend(() => {
      if (!failed) return Effect.void
      failed = false
      rounds += 1
      return Effect.flatMap(
        jittered(Duration.min(Duration.seconds(2 ** (rounds - 1)), "30 seconds")),
        Effect.sleep,
      )
    }),
  }
}

export interface ClaimLoop {
  /**
   * Waits for room, claims, and starts the runs. A worker repeats it for ever. A request to drain stops a claim that waits, and
   * the next one waits until the request is withdrawn.
   *
   * Fails: a round that fails may be repeated; its claim is sent again with the same id, so a lost answer loses no run.
   */
  readonly round: Effect.Effect<void, ControlPlaneError | WorkerNotFound>

  /**
   * When the first claim without an answer since the last answer was sent, in nanoseconds of the monotonic clock; undefined where none is
   * awaited.
   */
  readonly unansweredSince: () => bigint | undefined

  /**
   * Hands back the runs that the control plane may have assigned to a claim that was broken off, or whose answer was lost. Nothing claims meanwhile.
   */
  readonly handBack: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (
  options: Resolved,
  worker: {
    readonly id: Ids.WorkerId
    readonly records: RunRecords
    readonly startPause: StartPause
    readonly drainRequest: DrainRequest
  },
): Effect.fn.Return<ClaimLoop, never, Claims | Leases> {
  const claims = yield* Claims
  const leases = yield* Leases
  const { drainRequest, records } = worker
  // The id of a claim that has no answer yet.
  let claimId: Ids.ClaimId | undefined
  let unansweredSince: bigint | undefined
  let isDraining = false
  let claiming: Fiber.RuntimeFiber<unknown, unknown> | undefined
  const stopClaiming = (): void => claiming?.unsafeInterruptAsFork(FiberId.none)
  drainRequest.listen((requested) => {
    isDraining = requested
    if (requested) stopClaiming()
  })

  const handBack = Effect.suspend(() => {
    if (claimId === undefined) return Effect.void
    const { leaseDuration } = options
    return claims.claim({ workerId: worker.id, limit: 0, leaseDuration, claimId }).pipe(
      Effect.flatMap(
        Effect.forEach(
          ({ leaseEpoch, runId }) =>
            leases.release(
              { workerId: worker.id, runId, epoch: leaseEpoch },
              { reason: "the worker does not take the answer of its claim" },
            ),
          { concurrency: "unbounded", discard: true },
        ),
      ),
      Effect.zipRight(
        Effect.sync(() => {
          claimId = undefined
        }),
      ),
      Effect.timeout(handBackWithin),
      // When this fails too, the leases lapse, or the next claim gets the runs by its id.
      Effect.ignoreLogged,
    )
  })

  const mayClaim = records.awaitRoom.pipe(
    Effect.zipRight(worker.startPause.sleep),
    Effect.zipRight(drainRequest.awaitNone),
  )

  // Its generator function is made once: one that is made for each claim would keep the claim in memory until the next full collection.
  const claimOnce = Effect.fnUntraced(function* (
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  ): Effect.fn.Return<void, ControlPlaneError | WorkerNotFound> {
    if (isDraining) unansweredSince = undefined
    yield* restore(mayClaim)
    claimId ??= Ids.ClaimId.make(yield* Ids.uuidV7)
    const sentAt = yield* Clock.currentTimeNanos
    const free = Math.min(records.freeSlots(), maxClaim)
    const ahead = Math.min(records.aheadRoom(), maxClaim - free)
    const limit = free + ahead
    unansweredSince ??= sentAt
    const claim = yield* Effect.fork(
      restore(
        claims.claim({
          workerId: worker.id,
          limit,
          ahead,
          leaseDuration: options.leaseDuration,
          // A claim does not wait for runs that would then wait for a slot.
          wait: free === 0 ? undefined : options.claimWait,
          agentIds: options.agentIds,
          claimId,
        }),
      ),
    )
    claiming = claim
    if (isDraining) stopClaiming()
    const answer = yield* Effect.onInterrupt(restore(Fiber.await(claim)), () => Fiber.interrupt(claim))
    claiming = undefined
    if (Exit.isFailure(answer) && Cause.isInterruptedOnly(answer.cause)) {
      unansweredSince = undefined
      return yield* restore(handBack)
    }
    const claimed = yield* answer
    claimId = undefined
    unansweredSince = undefined
    WorkerMetrics.claims.add(1)
    yield* records.start(claimed, { sentAt, limit })
    // A control plane that cannot wait answers at once, and then the worker waits.
    const waited = Duration.nanos((yield* Clock.currentTimeNanos) - sentAt)
    if (free > 0 && claimed.length === 0 && Duration.lessThan(waited, options.pollInterval)) {
      yield* restore(Effect.flatMap(jittered(options.pollInterval), Effect.sleep))
    }
  })

  // Nothing can interrupt between the answer of a claim and the start of its runs, so no claimed run is forgotten.
  const round: ClaimLoop["round"] = Effect.uninterruptibleMask(claimOnce)
  return { round, handBack, unansweredSince: () => unansweredSince }
})
