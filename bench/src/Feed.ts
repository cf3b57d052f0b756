/**
 * Events at a fixed pace for all runs of a process, from one plain timer. A stream with a schedule of its own for each
 * run costs as much CPU as the worker that is measured.
 */
import { Chunk, Effect, Option, Stream } from "effect"

/** Milliseconds from one turn of the timer to the next. The streams of one turn produce together. */
const turn = 5

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
  // Streams get their places in turn, so that each turn of the timer feeds as many as the others.
  const places: ReadonlyArray<Set<() => boolean>> = Array.from({ length: pace / turn }, () => new Set())
  let opened = 0
  let turns = 0
  let late: Array<number> = []
  const begun = performance.now()
  const untilNext = () => begun + turns * turn - performance.now()
  const run = () => {
    while (untilNext() <= 0) {
      late.push(-untilNext())
      const place = places[turns % places.length]!
      for (const produce of place) if (!produce()) place.delete(produce)
      turns += 1
    }
    setTimeout(run, untilNext())
  }
  run()
  return {
    stream: (next) =>
      Stream.suspend(() => {
        const { produce, stream } = makeFeed(next)
        places[opened++ % places.length]!.add(produce)
        return stream
      }),
    lateness: () => {
      const taken = late
      late = []
      return taken
    },
  }
}
