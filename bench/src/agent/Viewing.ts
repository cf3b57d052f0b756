/** What one viewer of a run sees of it. */
import * as Delta from "./Delta.js"

export interface Viewing {
  /** An answer begins. What was seen of one of the same name is void. */
  readonly open: (answer: string) => void
  readonly delta: (answer: string, text: string) => void
  /** What was seen of an answer is void, as its worker has died. */
  readonly drop: (answer: string) => void
  /** The run has ended. */
  readonly end: () => void
}

/** An item of a peer's stream. A peer that asks the model for an answer again begins it again. */
export type Item =
  | { readonly type: "answer"; readonly number: number }
  | { readonly type: "delta"; readonly text: string }
  | { readonly type: "tool"; readonly name: string; readonly result: string }
  | { readonly type: "end" }

/** Takes the items of a peer's stream in their order; each returns whether the run has ended. */
export const items = (viewing: Viewing): ((item: Item) => boolean) => {
  let answer = ""
  return (item) => {
    if (item.type === "answer") {
      answer = String(item.number)
      viewing.open(answer)
    } else if (item.type === "delta") viewing.delta(answer, item.text)
    else if (item.type === "end") viewing.end()
    return item.type === "end"
  }
}

export interface Seen extends Viewing {
  /** Milliseconds from the production of each delta to its reading. */
  readonly latencies: ReadonlyArray<number>
  /** When the first delta was read, in milliseconds of `performance.now`. */
  readonly firstAt: () => number
  /** Undefined where the run has ended once, and each of so many answers of so many deltas is whole. */
  readonly problem: (answers: number, deltas: number) => string | undefined
}

const isWhole = (texts: ReadonlyArray<string>, deltas: number): boolean => {
  const parsed = texts.map(Delta.parse)
  return (
    parsed.length === deltas &&
    parsed.every((delta, index) => delta?.index === index && delta.request === parsed[0]!.request)
  )
}

export const make = (): Seen => {
  const texts = new Map<string, Array<string>>()
  const latencies: Array<number> = []
  let firstAt = Number.NaN
  let ends = 0
  const drop = (answer: string) => texts.delete(answer)
  return {
    open: (answer) => {
      // An answer that begins again comes last.
      drop(answer)
      texts.set(answer, [])
    },
    delta: (answer, text) => {
      if (latencies.length === 0) firstAt = performance.now()
      latencies.push((Delta.now() - (Delta.parse(text)?.producedAt ?? Number.NaN)) / 1000)
      texts.get(answer)?.push(text)
    },
    drop,
    end: () => {
      ends += 1
    },
    latencies,
    firstAt: () => firstAt,
    problem: (answers, deltas) => {
      const whole = [...texts.values()].filter((answer) => isWhole(answer, deltas)).length
      return ends === 1 && whole === answers && texts.size === answers
        ? undefined
        : `has ended ${ends} times, with ${whole} of ${answers} answers whole and ${texts.size - whole} others`
    },
  }
}
