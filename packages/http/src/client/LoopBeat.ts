/** The beat of the event loop: shows another thread that the loop moves, and finds out when it has stood still. */
import { Duration, Effect, type Scope } from "effect"

/** The time between two beats, and the shortest stall that is reported. */
const interval = Duration.millis(250)
const reported = Duration.unsafeToNanos(Duration.seconds(1))

/** BigInt64 each, by `process.hrtime`: when the loop last moved, and when the other thread gave it up, 0 where it has not. */
export const cells = { movedAt: 0, givenUpAt: 1 } as const

export type Cells = typeof cells

export interface LoopBeat {
  readonly shared: SharedArrayBuffer

  /** Looks, before the next beat is due, whether a stall has just ended. By `process.hrtime`. */
  readonly observe: (now: bigint) => void
}

/**
 * Beats while the Scope is open. `onStall` is called when a stall has ended, with its nanoseconds and with whether the other thread gave the
 * loop up.
 */
export const make = (
  onStall: (nanos: bigint, givenUp: boolean) => void,
): Effect.Effect<LoopBeat, never, Scope.Scope> =>
  Effect.gen(function* () {
    const shared = new SharedArrayBuffer(16)
    const times = new BigInt64Array(shared)
    let movedAt = 0n

    const move = (now: bigint): void => {
      movedAt = now
      Atomics.store(times, cells.movedAt, now)
    }
    const observe = (now: bigint): void => {
      const stall = now - movedAt
      if (stall < reported) return
      move(now)
      onStall(stall, Atomics.exchange(times, cells.givenUpAt, 0n) !== 0n)
    }

    move(process.hrtime.bigint())
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        setInterval(() => {
          const now = process.hrtime.bigint()
          observe(now)
          move(now)
        }, Duration.toMillis(interval)).unref(),
      ),
      (timer) => Effect.sync(() => clearInterval(timer)),
    )
    return { shared, observe }
  })
