/**
 * Events at a fixed pace for all runs of a process, from one plain timer. A stream with a schedule of its own for each
 * run costs as much CPU as the worker that is measured.
 */
import { Chunk, Effect, Option, Stream } from "effect"
import * as Turns from "./Turns.js"

/** Makes an event; undefined after the last. */
export type Next<A> = () => A | undefined

/** What one stream is fed with, until `next` has no more: then `produce` returns false. */
const makeFeed = <A>(next: Next<A>) => {
  let waiting: Array<A> = []
  let ended = false
  let wake: (() => void) | undefined
  const taken = (): Effect.Effect<Chunk.Chunk<A>, Option.Option<never>> => {
    if (waiting.length === 0) return Effect.fail(Option.none())
    const chunk = Chunk.unsafeFromArray(waiting)
    waiting = []
    return Effect.succeed(chunk)
  }
  const take = Effect.async<Chunk.Chunk<A>, Option.Option<never>>((resume) => {
    if (waiting.length > 0 || ended) resume(taken())
    else wake = () => resume(taken())
  })
  const produce = (): boolean => {
    const event = next()
    if (event === undefined) ended = true
    else waiting.push(event)
    const woken = wake
    wake = undefined
    woken?.()
    return !ended
  }
  return { produce, stream: Stream.repeatEffectChunkOption(take) }
}

export interface Feeds<A> {
  /** A stream of events, one every `pace`. */
  readonly stream: (next: Next<A>) => Stream.Stream<A>
  /** How many milliseconds late each turn of the timer was since the last call. */
  readonly lateness: () => ReadonlyArray<number>
}

/** `pace`: milliseconds from one event of a stream to its next, a multiple of the timer's turn. */
export const start = <A>(pace: number): Feeds<A> => {
  const turns = Turns.start(pace)
  return {
    stream: (next) =>
      Stream.suspend(() => {
        const { produce, stream } = makeFeed(next)
        turns.add(produce)
        return stream
      }),
    lateness: turns.lateness,
  }
}
