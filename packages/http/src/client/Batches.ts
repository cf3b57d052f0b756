/**
 * Items that are sent together: what comes while a batch is under way goes with the next one.
 *
 * The first item goes at once, and there are no timers, so one that comes alone is as fast as a request of its own.
 *
 * @since 0.1.0
 */
import { Deferred, Effect, Exit, FiberId, FiberSet, type Scope } from "effect"

export interface Options<Item, Answer, E> {
  /** Sends a batch; one answer for each of its items, in their order. */
  readonly send: (items: ReadonlyArray<Item>) => Effect.Effect<ReadonlyArray<Answer>, E>
  /** How many of the items, at least the first, go into one batch. */
  readonly fitting: (items: ReadonlyArray<Item>) => number
  /** How many batches are under way at most: while one is answered the next is made. */
  readonly underWay: number
  /** What a caller is told once the Scope is closed. */
  readonly closed: (item: Item) => E
  /** For an answer that its caller, interrupted while the batch was under way, never got. */
  readonly onAbandoned: (item: Item, answer: Answer) => void
}

/** A batch that is under way. It is cut once nobody waits for it. */
interface Batch {
  awaited: number
  readonly deserted: Deferred.Deferred<void>
}

interface Entry<Item, Answer, E> {
  readonly item: Item
  readonly resume: (exit: Exit.Exit<Answer, E>) => void
  left: boolean
  batch: Batch | undefined
  exit: Exit.Exit<Answer, E> | undefined
}

/**
 * Makes the effect that sends one item with its batch.
 *
 * A caller that is interrupted before its item was sent takes it back; after that the item stands. Closing the Scope
 * cuts what is under way.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Item, Answer, E>(
  options: Options<Item, Answer, E>,
): Effect.Effect<(item: Item) => Effect.Effect<Answer, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting: Array<Entry<Item, Answer, E>> = []
    let senders = 0
    let closed = false

    const settle = (entry: Entry<Item, Answer, E>, exit: Exit.Exit<Answer, E>): void => {
      entry.exit = exit
      if (!entry.left) entry.resume(exit)
      else if (Exit.isSuccess(exit)) options.onAbandoned(entry.item, exit.value)
    }

    const leave = (entry: Entry<Item, Answer, E>): void => {
      entry.left = true
      if (entry.exit !== undefined) {
        if (Exit.isSuccess(entry.exit)) options.onAbandoned(entry.item, entry.exit.value)
      } else if (entry.batch === undefined) {
        waiting.splice(waiting.indexOf(entry), 1)
      } else {
        entry.batch.awaited -= 1
        if (entry.batch.awaited === 0) Deferred.unsafeDone(entry.batch.deserted, Exit.void)
      }
    }

    const sendBatch = Effect.fnUntraced(function* (
      entries: ReadonlyArray<Entry<Item, Answer, E>>,
      restore: <A, X>(effect: Effect.Effect<A, X>) => Effect.Effect<A, X>,
    ) {
      const batch: Batch = { awaited: entries.length, deserted: Deferred.unsafeMake(FiberId.none) }
      for (const entry of entries) entry.batch = batch
      const exit = yield* Effect.raceFirst(
        options.send(entries.map(({ item }) => item)),
        Effect.zipRight(Deferred.await(batch.deserted), Effect.interrupt),
      ).pipe(restore, Effect.exit)
      for (const [index, entry] of entries.entries()) {
        settle(
          entry,
          Exit.isInterrupted(exit)
            ? Exit.fail(options.closed(entry.item))
            : Exit.map(exit, (answers) => answers[index]!),
        )
      }
    })

    /** Sends what waits, and what comes in the meantime. */
    const sendAll = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        while (waiting.length > 0) {
          // Whoever is about to ask, such as those whom the last batch answered, may still join this one.
          yield* Effect.yieldNow()
          const entries = waiting.splice(0, options.fitting(waiting.map(({ item }) => item)))
          if (entries.length > 0) yield* sendBatch(entries, restore)
        }
        senders -= 1
      }),
    )

    const run = yield* FiberSet.makeRuntime<never, void>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const entry of waiting.splice(0)) settle(entry, Exit.fail(options.closed(entry.item)))
      }),
    )

    return (item) =>
      Effect.async((resume) => {
        if (closed) return resume(Effect.fail(options.closed(item)))
        const entry: Entry<Item, Answer, E> = {
          item,
          resume,
          left: false,
          batch: undefined,
          exit: undefined,
        }
        waiting.push(entry)
        if (senders < options.underWay) {
          senders += 1
          run(sendAll)
        }
        return Effect.sync(() => leave(entry))
      })
  })
