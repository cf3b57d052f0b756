/** One plain timer that produces for many streams, each at the same pace. */

/** Milliseconds from one turn of the timer to the next. The streams of one turn produce together. */
const turn = 5

export interface Turns {
  /** Calls `produce` once every `pace`, until it returns false. */
  readonly add: (produce: () => boolean) => void
  /** How many milliseconds late each turn of the timer was since the last call. */
  readonly lateness: () => ReadonlyArray<number>
}

/** `pace`: milliseconds from one call of a stream to its next, a multiple of the timer's turn. */
export const start = (pace: number): Turns => {
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
    add: (produce) => places[opened++ % places.length]!.add(produce),
    lateness: () => {
      const taken = late
      late = []
      return taken
    },
  }
}
