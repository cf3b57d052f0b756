/**
 * Whose code has the event loop. Effect tells of each turn of a run's fibers; what goes on after an `await` of a promise is in no turn.
 *
 * @since 0.1.0
 */
import { type Clock, Duration, Effect, Supervisor } from "effect"
import type { ClaimedRun } from "../model/Run.js"

/** A turn of this length is remembered until a stall is reported. Others take microseconds. */
const long = Duration.unsafeToNanos(Duration.millis(100))

/** The largest number of turns that are remembered. */
const capacity = 100

interface Turn {
  readonly run: ClaimedRun
  readonly startedAt: bigint
}

interface EndedTurn extends Turn {
  readonly endedAt: bigint
}

/**
 * @since 0.1.0
 * @category models
 */
export interface LoopTurns {
  /** Sees the turns of the fibers that it supervises as those of this run. */
  readonly of: (run: ClaimedRun) => Supervisor.Supervisor<void>

  /** The runs whose turns were most of a stall that ends now, or none where that is not known. Forgets the turns before. */
  readonly blockers: (stall: Duration.Duration) => ReadonlyArray<ClaimedRun>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (clock: Clock.Clock): LoopTurns => {
  /** One turn at a time has the loop. */
  let current: Turn | undefined
  let remembered: Array<EndedTurn> = []

  class Turns extends Supervisor.AbstractSupervisor<void> {
    readonly value = Effect.void

    constructor(private readonly run: ClaimedRun) {
      super()
    }

    override onResume(): void {
      current = { run: this.run, startedAt: clock.unsafeCurrentTimeNanos() }
    }

    override onSuspend(): void {
      if (current === undefined) return
      const endedAt = clock.unsafeCurrentTimeNanos()
      if (endedAt - current.startedAt >= long && remembered.length < capacity) {
        remembered.push({ ...current, endedAt })
      }
      current = undefined
    }
  }

  return {
    of: (run) => new Turns(run),
    blockers: (stall) => {
      const now = clock.unsafeCurrentTimeNanos()
      const nanos = Duration.unsafeToNanos(stall)
      const turns = current === undefined ? remembered : [...remembered, { ...current, endedAt: now }]
      remembered = []
      const inStall = turns.filter(
        ({ endedAt, startedAt }) => endedAt - startedAt >= long && endedAt > now - nanos,
      )
      const total = inStall.reduce((sum, { endedAt, startedAt }) => sum + endedAt - startedAt, 0n)
      return total * 2n < nanos ? [] : Array.from(new Set(inStall.map(({ run }) => run)))
    },
  }
}
