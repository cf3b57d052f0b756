/** The time of a simulated world: what is due runs in its order, and time that nothing happens in takes no time. */

/** Units: microseconds since the world began. */
export interface VirtualTime {
  readonly now: () => number

  /** Runs something at an instant, or now if that has passed. Returns what takes it back. */
  readonly at: (instant: number, run: () => void) => () => void

  /** Runs something at the current instant, after what was to run before it. */
  readonly turn: (run: () => void) => void

  /** Runs all that is to run at the current instant; false after a number of turns that shows that the world turns in a circle. */
  readonly settle: () => boolean

  /** Continues to the next instant at which something is due; false if there is none. */
  readonly advance: () => boolean
}

interface Due {
  readonly instant: number
  /** Of what is due at one instant, what was planned first runs first. */
  readonly order: number
  run: (() => void) | undefined
}

const isBefore = (a: Due, b: Due): boolean =>
  a.instant < b.instant || (a.instant === b.instant && a.order < b.order)

/** A heap whose first element is due first. */
const makeHeap = () => {
  const heap: Array<Due> = []
  const swap = (a: number, b: number): void => {
    const due = heap[a]!
    heap[a] = heap[b]!
    heap[b] = due
  }
  const earlierChild = (parent: number): number => {
    const left = 2 * parent + 1
    const right = left + 1
    return right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left
  }
  return {
    first: () => heap[0],
    push: (due: Due): void => {
      heap.push(due)
      for (let index = heap.length - 1; index > 0;) {
        const parent = (index - 1) >> 1
        if (!isBefore(heap[index]!, heap[parent]!)) return
        swap(index, parent)
        index = parent
      }
    },
    pop: (): void => {
      const last = heap.pop()
      if (last === undefined || heap.length === 0) return
      heap[0] = last
      for (let index = 0, child = 1; child < heap.length;) {
        child = earlierChild(index)
        if (child >= heap.length || !isBefore(heap[child]!, heap[index]!)) return
        swap(index, child)
        index = child
        child = 2 * index + 1
      }
    },
  }
}

/** Turns at one instant, after which the world is assumed to turn in a circle. */
const maxTurns = 100_000

/** A time that begins at 0. */
export const make = (): VirtualTime => {
  const heap = makeHeap()
  let now = 0
  let order = 0
  let turns: Array<() => void> = []

  return {
    now: () => now,
    at: (instant, run) => {
      order += 1
      const due: Due = { instant: Math.max(instant, now), order, run }
      heap.push(due)
      return () => {
        due.run = undefined
      }
    },
    turn: (run) => void turns.push(run),
    settle: () => {
      for (let count = 0; turns.length > 0;) {
        const current = turns
        turns = []
        for (const run of current) run()
        count += current.length
        if (count > maxTurns) return false
      }
      return true
    },
    advance: () => {
      for (let due = heap.first(); due !== undefined; due = heap.first()) {
        heap.pop()
        if (due.run === undefined) continue
        now = due.instant
        due.run()
        return true
      }
      return false
    },
  }
}
