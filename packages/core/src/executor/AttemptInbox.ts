/** The messages of a run as one attempt sees them: which have come, and which it and the attempts before it have taken. */
import { Effect } from "effect"
import type { InboxMessage } from "../model/InboxMessage.js"

/** Some of the messages of a run, by their numbers: those after `after`, up to `to`. */
export interface Range {
  readonly after: number
  readonly to: number
}

/** @category models */
export interface AttemptInbox {
  /** The number of the last message that was taken; absent where the run takes none. */
  readonly consumed: () => number | undefined

  /** Whether there are messages that were not taken. The attempt takes messages from then on. */
  readonly pending: () => boolean

  /** Takes note that the run has so many messages. */
  readonly received: (inbox: number) => void

  /** Whether there are messages that no step had taken which this attempt has passed. It takes messages from then on. */
  readonly ahead: () => boolean

  /** Takes note of messages that this attempt has taken. */
  readonly took: (range: Range) => void

  /** Takes note of messages that an attempt before this one has taken. So the run takes messages, also where this attempt takes none. */
  readonly tookBefore: (range: Range) => void

  /** Takes note of a step of an attempt before this one, until whose end so many messages had been taken. */
  readonly passed: (consumed: number) => void

  /** Waits until there are messages that were not taken. */
  readonly arrived: Effect.Effect<void>

  /** Runs an effect while no other one of the attempt takes messages. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * `receivedBefore` is how many messages the run had when the attempt began.
 *
 * @category constructors
 */
export const make = (receivedBefore: number): AttemptInbox => {
  const alone = Effect.unsafeMakeSemaphore(1)
  const some = Effect.unsafeMakeLatch(false)
  let received = receivedBefore
  let consumed = 0
  let passed = 0
  let isUsed = false

  const changed = (): void => {
    if (received > consumed) some.unsafeOpen()
    else some.unsafeClose()
  }

  const take = (number: number): void => {
    consumed = Math.max(consumed, number)
    changed()
  }

  const pass = (number: number): void => {
    passed = Math.max(passed, number)
  }

  return {
    consumed: () => (isUsed ? consumed : undefined),
    pending: () => {
      isUsed = true
      return received > consumed
    },
    received: (inbox) => {
      received = Math.max(received, inbox)
      changed()
    },
    ahead: () => {
      isUsed = true
      return received > passed
    },
    took: ({ to }) => {
      take(to)
      pass(to)
    },
    tookBefore: ({ to }) => {
      isUsed = true
      take(to)
    },
    passed: pass,
    arrived: Effect.suspend(() => {
      changed()
      return some.await
    }),
    alone: (effect) =>
      alone.withPermits(1)(
        Effect.suspend(() => {
          isUsed = true
          return effect
        }),
      ),
  }
}

/** The messages of a range. */
export const inRange = (
  messages: ReadonlyArray<InboxMessage>,
  { after, to }: Range,
): ReadonlyArray<InboxMessage> => messages.filter(({ number }) => number > after && number <= to)
