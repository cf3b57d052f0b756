import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as ClaimLoop from "../src/worker/ClaimLoop.js"

const millis = (count: number) => BigInt(count) * 1_000_000n

/** A worker of four slots after an answer that was under way for 5 ms, where its last runs took these milliseconds. */
const after = (took: ReadonlyArray<number>, { full = true, most = 100 } = {}) =>
  Effect.gen(function* () {
    const ahead = yield* ClaimLoop.aheadRuns<string>({ most, slots: 4 })
    for (const time of took) ahead.slotFreed(millis(time))
    ahead.answered({ sentAt: millis(100), receivedAt: millis(105), full })
    return ahead
  })

describe("the runs that a worker claims ahead", () => {
  it.effect("are as many as four slots work through while a claim is under way", () =>
    Effect.gen(function* () {
      strictEqual((yield* after([2, 2, 2])).room(), 10)
      strictEqual((yield* after([1, 3])).room(), 10)
      strictEqual((yield* after([0, 0])).room(), 100)
      strictEqual((yield* after([2], { most: 7 })).room(), 7)
    }),
  )

  it.effect("are none where runs take longer, where none has ended, and where the answer was short", () =>
    Effect.gen(function* () {
      strictEqual((yield* after([21])).room(), 0)
      strictEqual((yield* after([])).room(), 0)
      strictEqual((yield* after([2], { full: false })).room(), 0)
    }),
  )

  it.effect("are none after an answer in which no run has ended since the one before", () =>
    Effect.gen(function* () {
      const ahead = yield* after([2])
      ahead.answered({ sentAt: millis(106), receivedAt: millis(111), full: true })
      strictEqual(ahead.room(), 0)
    }),
  )

  it.effect("leave room for others as they start, the one that has waited longest first", () =>
    Effect.gen(function* () {
      const ahead = yield* after([2])
      ahead.add("a", millis(105))
      ahead.add("b", millis(105))
      strictEqual(ahead.room(), 8)
      strictEqual(ahead.take(), "a")
      ahead.remove("b")
      strictEqual(ahead.take(), undefined)
      strictEqual(ahead.room(), 10)
      deepStrictEqual(ahead.all(), [])
    }),
  )
})
