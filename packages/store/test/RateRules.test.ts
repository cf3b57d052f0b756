import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as RateRules from "../src/rules/RateRules.js"

const rates = FastCheck.record({
  count: FastCheck.integer({ min: 1, max: 100_000 }),
  periodSeconds: FastCheck.integer({ min: 1, max: 86_400 }),
  burst: FastCheck.integer({ min: 1, max: 100 }),
})

/** 2026, in milliseconds. */
const start = 1_767_225_600_000

describe("the rules of rates", () => {
  it("let in at most the burst and what the rate gives in any time, by clocks that differ", () => {
    const checked = FastCheck.check(
      FastCheck.property(
        rates,
        FastCheck.array(FastCheck.integer({ min: -20, max: 5000 }), { minLength: 1, maxLength: 60 }),
        (rate, steps) => {
          let now = start
          let tat = 0
          const starts: Array<number> = []
          for (const step of steps) {
            now += step
            const some = Math.min(RateRules.tokens(rate, tat, now), 20)
            if (some > 0) tat = RateRules.take(rate, tat, some, now)
            for (let one = 0; one < some; one += 1) starts.push(now)
          }
          const sorted = starts.toSorted((a, b) => a - b)
          return sorted.every((first, from) =>
            sorted.every(
              (last, to) =>
                to - from + 1 <= rate.burst + (rate.count * (last - first)) / (rate.periodSeconds * 1000) ||
                to < from,
            ),
          )
        },
      ),
      { numRuns: 200 },
    )
    expect(checked).toMatchObject({ failed: false, counterexample: null })
  })

  it("say when there are tokens, to the millisecond", () => {
    const checked = FastCheck.check(
      FastCheck.property(
        rates,
        FastCheck.integer({ min: 1, max: 100 }),
        FastCheck.integer({ min: 1, max: 100 }),
        (rate, starts, wanted) => {
          const taken = Math.min(starts, rate.burst)
          const tat = RateRules.take(rate, 0, taken, start)
          const at = RateRules.availableAt(rate, tat, wanted)
          return at === null
            ? wanted > rate.burst
            : RateRules.tokens(rate, tat, at) >= wanted && RateRules.tokens(rate, tat, at - 1) < wanted
        },
      ),
      { numRuns: 500 },
    )
    expect(checked).toMatchObject({ failed: false, counterexample: null })
  })

  it("give a key whose rate has changed its next token after one turn of the new rate at the latest", () => {
    const slow = { count: 1, periodSeconds: 86_400, burst: 3 }
    const fast = { count: 1, periodSeconds: 10, burst: 2 }
    const tat = Math.min(RateRules.take(slow, 0, 3, start), RateRules.latest(fast, start))
    expect(RateRules.tokens(fast, tat, start)).toBe(0)
    expect(RateRules.availableAt(fast, tat, 1)).toBe(start + 10_000)
  })
})
