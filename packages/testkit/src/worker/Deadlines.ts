/**
 * Tests of the deadline that an executor can follow.
 */
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { Executor } from "@runlease/core"
import { LeaseDeadline } from "@runlease/core/executor"
import { Clock, Effect, Queue, Stream, TestClock } from "effect"
import { type Declare, start, submit, until } from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("the deadline of a lease", () => {
    test(
      "reaches the executor, and again with each renewal",
      Effect.gen(function* () {
        const deadlines = yield* Queue.unbounded<LeaseDeadline.Deadline>()
        yield* start(
          Executor.from(() =>
            Stream.runForEach(LeaseDeadline.changes, (deadline) => Queue.offer(deadlines, deadline)),
          ),
        )
        const began = yield* Clock.currentTimeNanos
        yield* submit()
        const first = yield* Queue.take(deadlines)
        strictEqual(first.endsAt - first.stopsAt, 2_000_000_000n)
        strictEqual(first.endsAt, began + 30_000_000_000n)
        for (const endsAt of [40_000_000_000n, 50_000_000_000n]) {
          yield* TestClock.adjust("10 seconds")
          yield* until(Queue.size(deadlines), (size) => size > 0)
          const renewed = yield* Queue.take(deadlines)
          assertTrue(renewed.endsAt >= began + endsAt, `${renewed.endsAt}`)
          strictEqual(renewed.endsAt - renewed.stopsAt, 2_000_000_000n)
        }
      }),
    )
  })
}
