/** Whose code has the event loop. Effect reports each turn of a run's fibers; what runs after an `await` of a promise is in no turn. */
import { type Clock, Duration, Effect, Supervisor } from "effect"
import type { RunId } from "../model/Ids.js"

/** A turn of this length is remembered until a stall is reported. Others take microseconds. */
const long = Duration.unsafeToNanos(Duration.millis(100))

/** The largest number of turns that are remembered: the latest. */
const capacity = 100

interface Turn {
  readonly runId: RunId
  readonly startedAt: bigint
  readonly endedAt: bigint
}

export interface LoopTurns {
  /** Sees the turns of the fibers that it supervises as those of this run. */
  readonly of: (runId: RunId) => Supervisor.Supervisor<void>

  /** The runs whose turns were most of a stall that ends now, or none where that is unclear. Forgets the turns before. */
  readonly blockers: (stall: Duration.Duration) => ReadonlySet<RunId>
}

export const make = (clock: Clock.Clock): LoopTurns => {
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
