/** The messages of a run as one attempt sees them: which have come, and which it and the attempts before it have consumed. */
import { Effect } from "effect"
import type { InboxMessage } from "../model/InboxMessage.js"

/** Some of the messages of a run, by their numbers: those after `after`, up to `to`. */
export interface Range {
  readonly after: number
  readonly to: number
}

export interface AttemptInbox {
  /** The number of the last consumed message; absent where the run consumes none. */
  readonly consumed: () => number | undefined

  /** Whether there are unconsumed messages. The attempt consumes messages from then on. */
  readonly pending: () => boolean

  /** Records the number of messages that the run has. */
  readonly received: (inbox: number) => void

  /** Whether there are messages that no step which this attempt has passed had consumed. It consumes messages from then on. */
  readonly ahead: () => boolean

  /** Records messages that this attempt has consumed. */
  readonly took: (range: Range) => void

  /** Records messages that an attempt before this one has consumed. So the run consumes messages, also where this attempt consumes none. */
  readonly tookBefore: (range: Range) => void

  /** Records a step of an attempt before this one: `consumed` messages were consumed by its end. */
  readonly passed: (consumed: number) => void

  /** Waits until there are unconsumed messages. */
  readonly arrived: Effect.Effect<void>

  /** Runs an effect while no other one of the attempt takes messages. */
  readonly alone: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** `receivedBefore` is how many messages the run had when the attempt began. */
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

export const inRange = (
  messages: ReadonlyArray<InboxMessage>,
  { after, to }: Range,
): ReadonlyArray<InboxMessage> => messages.filter(({ number }) => number > after && number <= to)
