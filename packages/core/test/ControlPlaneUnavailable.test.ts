import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Clock, Duration, Effect, Fiber, Schedule, TestClock } from "effect"
import {
  backoff,
  ControlPlaneUnavailable,
  spreadBackoff,
  withRetryAfter,
} from "../src/ports/ControlPlaneUnavailable.js"

const unavailable = (retryAfterMillis?: number) =>
  new ControlPlaneUnavailable({
    operation: "test",
    message: "try later",
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
  })

describe("backoff", () => {
  it.effect("doubles the wait up to its limit, with a jitter of one fifth", () =>
    Effect.gen(function* () {
      const tries: Array<number> = []
      const fiber = yield* Effect.gen(function* () {
        tries.push(yield* Clock.currentTimeMillis)
        if (tries.length < 6) return yield* unavailable()
      }).pipe(Effect.retry(backoff("100 millis", "500 millis")), Effect.fork)
      yield* TestClock.adjust(Duration.seconds(10))
      yield* Fiber.join(fiber)
      const waits = tries.slice(1).map((at, index) => at - tries[index]!)
      for (const [index, middle] of [100, 200, 400, 500, 500].entries()) {
        const wait = waits[index]!
        assertTrue(wait >= middle * 0.8 && wait <= middle * 1.2, `wait ${index} took ${wait}`)
        assertTrue(Number.isInteger(wait), `wait ${index} took ${wait}`)
      }
    }),
  )
})

describe("spreadBackoff", () => {
  it.effect("brings many callers back one after the other, over twice the wait", () =>
    Effect.gen(function* () {
      const returned: Array<number> = []
      const call = Effect.gen(function* () {
        let isAway = true
        yield* Effect.suspend(() => {
          if (!isAway) return Effect.void
          isAway = false
          return unavailable()
        }).pipe(Effect.retry(spreadBackoff("1 second", "5 seconds")))
        returned.push(yield* Clock.currentTimeMillis)
      })
      const callers = yield* Effect.fork(Effect.replicateEffect(call, 500, { concurrency: "unbounded" }))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(callers)
      const tenths = Array.from(
        { length: 20 },
        (_, tenth) => returned.filter((at) => Math.min(19, Math.floor(at / 100)) === tenth).length,
      )
      // 25 each on average; a tenth with none or with 75 has a chance of less than one in a billion.
      assertTrue(Math.min(...tenths) > 0 && Math.max(...tenths) < 75, tenths.join(" "))
    }),
  )
})

describe("withRetryAfter", () => {
  it.effect("waits longer by `retryAfterMillis` of each error", () =>
    Effect.gen(function* () {
      const tries: Array<number> = []
      const answers = [unavailable(3000), unavailable(), unavailable(1000)]
      const fiber = yield* Effect.gen(function* () {
        tries.push(yield* Clock.currentTimeMillis)
        const answer = answers[tries.length - 1]
        if (answer !== undefined) return yield* answer
      }).pipe(Effect.retry(withRetryAfter(Schedule.spaced("100 millis"))), Effect.fork)
      yield* TestClock.adjust(Duration.seconds(10))
      assertTrue((yield* Fiber.join(fiber)) === undefined)
      deepStrictEqual(tries, [0, 3100, 3200, 4300])
    }),
  )
})
