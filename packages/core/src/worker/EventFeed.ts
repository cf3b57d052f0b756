/**
 * A feed of events that replays the last ones to a new listener.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Mailbox, Stream } from "effect"

export interface EventFeed<A> {
  /** Costs next to nothing when there are no listeners. */
  readonly publish: (event: A) => void

  /** Ends the feed and the streams of its listeners. */
  readonly end: () => void

  /** The last events, then new ones until the feed ends. */
  readonly events: Stream.Stream<A>
}

/**
 * Units: `replay` is how many of the last events a new listener gets. `capacity` is how many events a slow listener may
 * be behind before it loses the oldest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>(options: { readonly replay: number; readonly capacity: number }): EventFeed<A> => {
  const last: Array<A> = []
  const listeners = new Set<Mailbox.Mailbox<A>>()
  let ended = false

  const listener = Effect.acquireRelease(
    Effect.map(Mailbox.make<A>({ capacity: options.capacity, strategy: "sliding" }), (mailbox) => {
      for (const event of last) mailbox.unsafeOffer(event)
      if (ended) mailbox.unsafeDone(Exit.void)
      else listeners.add(mailbox)
      return mailbox
    }),
    (mailbox) => Effect.sync(() => listeners.delete(mailbox)),
  )

  return {
    publish: (event) => {
      last.push(event)
      if (last.length > options.replay) last.shift()
      for (const mailbox of listeners) mailbox.unsafeOffer(event)
    },
    end: () => {
      ended = true
      for (const mailbox of listeners) mailbox.unsafeDone(Exit.void)
    },
    events: Stream.unwrapScoped(Effect.map(listener, Mailbox.toStream)),
  }
}
