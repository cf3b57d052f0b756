/**
 * The runs that a worker has claimed before it has a slot for them, so that quick runs do not wait for a round trip each.
 *
 * As many wait as could end while a claim is under way, as long as runs take now. So a worker whose runs take seconds claims none ahead,
 * and one whose control plane is far away claims more.
 *
 * Source: docs/decisions/0093-claims-ahead.md
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect } from "effect"
import type { ClaimedRun } from "../model/Run.js"

/** How long a run waits for a slot until another worker may have it. */
export const longestWait = Duration.seconds(1)

const longestWaitNanos = Duration.unsafeToNanos(longestWait)

/**
 * An answer to a claim. `full`: whether it has as many runs as the claim may take.
 *
 * Units: nanoseconds of the monotonic clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly sentAt: bigint
  readonly receivedAt: bigint
  readonly full: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface AheadRuns<A> {
  /** How many more runs the next claim may take ahead. */
  readonly room: () => number

  /** Takes note that a run has left its slot, in which it was for so many nanoseconds. */
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

/**
 * `most`: the largest number of runs that wait. `slots`: how many execute at once.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>({
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
