/**
 * Bodies that happen at most once, which a drain lets finish: one that is interrupted may have happened, and no later attempt
 * runs it again.
 *
 * Source: docs/decisions/0057-steps.md
 */
import { Effect } from "effect"

export interface DrainHold {
  /** Begins a body, which has ended when the result is called, once. Never ends once the hold is closed. */
  readonly enter: Effect.Effect<() => void>

  /** Closes the hold, and waits for the bodies that have begun. */
  readonly close: Effect.Effect<void>

  /** Whether a body has begun and not ended. */
  readonly isActive: () => boolean
}

export const make = (): DrainHold => {
  const free = Effect.unsafeMakeLatch(true)
  let begun = 0
  let closed = false
  return {
    enter: Effect.suspend(() => {
      if (closed) return Effect.never
      begun += 1
      free.unsafeClose()
      return Effect.succeed(() => {
        begun -= 1
        if (begun === 0) free.unsafeOpen()
      })
    }),
    close: Effect.suspend(() => {
      closed = true
      return free.await
    }),
    isActive: () => begun > 0,
  }
}
