/**
 * What is told to whoever listens, and once more to who comes a little later.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Mailbox, Stream } from "effect"

/** Telling costs next to nothing where nobody listens. */
export interface Feed<A> {
  readonly tell: (message: A) => void

  /** Nothing more is told. */
  readonly end: () => void

  /** What was told last and what will be, until the end. */
  readonly messages: Stream.Stream<A>
}

/**
 * `replay`: how many of the last messages a new listener gets. `capacity`: how many messages a slow listener may be
 * behind before it loses the oldest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>(options: { readonly replay: number; readonly capacity: number }): Feed<A> => {
  const last: Array<A> = []
  const listeners = new Set<Mailbox.Mailbox<A>>()
  let ended = false

  const listener = Effect.acquireRelease(
    Effect.map(Mailbox.make<A>({ capacity: options.capacity, strategy: "sliding" }), (mailbox) => {
      for (const message of last) mailbox.unsafeOffer(message)
      if (ended) mailbox.unsafeDone(Exit.void)
      else listeners.add(mailbox)
      return mailbox
    }),
    (mailbox) => Effect.sync(() => listeners.delete(mailbox)),
  )

  return {
    tell: (message) => {
      last.push(message)
      if (last.length > options.replay) last.shift()
      for (const mailbox of listeners) mailbox.unsafeOffer(message)
    },
    end: () => {
      ended = true
      for (const mailbox of listeners) mailbox.unsafeDone(Exit.void)
    },
    messages: Stream.unwrapScoped(Effect.map(listener, Mailbox.toStream)),
  }
}
