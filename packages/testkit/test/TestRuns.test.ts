import { expect, layer } from "@effect/vitest"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Clock, Effect, Layer, TestClock } from "effect"

layer(Layer.empty, { excludeTestServices: true })("a suite with a Layer for all of its tests", (it) => {
  it.effect("has the real clock", () =>
    Effect.map(Clock.currentTimeMillis, (now) => expect(now).toBeGreaterThan(0)),
  )

  // In the callback, since such a suite replaces `it.effect` for all that comes after it.
  TestRuns.tester(MemoryControlPlane.layer)(
    "is no reason for a test beside it to lose the TestClock",
    Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      expect(yield* Clock.currentTimeMillis).toBe(1_000)
    }),
  )
})
