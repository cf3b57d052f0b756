import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Clock, Effect, Fiber, Option } from "effect"
import * as JumpClock from "../src/JumpClock.js"

describe("JumpClock", () => {
  it.live("wakes those that are due at the jump after a stall", () =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.sleep(10))
        yield* Effect.yieldNow()
        yield* clock.stall(20)
        yield* Effect.repeatN(Effect.yieldNow(), 9)
        strictEqual(yield* Clock.currentTimeMillis, 20)
        deepStrictEqual(yield* Fiber.poll(fiber), Option.none())
        yield* clock.jump(0)
        yield* Fiber.join(fiber)
      }).pipe(Effect.withClock(clock))
    }),
  )

  it.live("stands still, and wakes the sleepers that are due, the earliest first", () =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      const woken: Array<number> = []
      const sleepUntil = (instant: number) =>
        Effect.sleep(instant).pipe(Effect.zipRight(Effect.sync(() => woken.push(instant))))
      yield* Effect.gen(function* () {
        const fibers = yield* Effect.forEach([30, 10, 20], (instant) => Effect.fork(sleepUntil(instant)))
        yield* Effect.yieldNow()
        yield* clock.jump(20)
        strictEqual(yield* Clock.currentTimeMillis, 20)
        strictEqual(yield* Clock.currentTimeNanos, 20_000_000n)
        yield* Fiber.joinAll(fibers.slice(1))
        deepStrictEqual(woken, [10, 20])
        yield* clock.jump(10)
        yield* Fiber.joinAll(fibers)
        deepStrictEqual(woken, [10, 20, 30])
        yield* Effect.sleep(0)
        yield* clock.setWall(5)
        strictEqual(yield* Clock.currentTimeMillis, 5)
        strictEqual(yield* Clock.currentTimeNanos, 30_000_000n)
        yield* clock.jump(1)
        strictEqual(yield* Clock.currentTimeMillis, 6)
      }).pipe(Effect.withClock(clock))
    }),
  )
})
