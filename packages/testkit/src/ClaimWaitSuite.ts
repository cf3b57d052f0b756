/** What a waiting claim must do: end as soon as a run is claimable, and otherwise at the end of its wait. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Effect, Fiber, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Declares the tests of waiting claims; part of `ClaimsSuite`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Waiting claims (${name})`, () => {
    test(
      "end at a submission",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.start(TestRuns.claim(worker, { wait: "20 seconds" }))
        const { runId } = yield* TestRuns.submit()
        // No time passes, so a poll would not find the run.
        const claimed = yield* Fiber.join(waiting)
        deepStrictEqual(
          claimed.map((run) => run.runId),
          [runId],
        )
      }),
    )

    test(
      "end when the run ahead in the lane ends",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const first = yield* TestRuns.hold(worker, { concurrencyKey: "lane" })
        yield* TestRuns.submit({ publicId: "next", concurrencyKey: "lane" })
        const waiting = yield* TestRuns.start(TestRuns.claim(other, { wait: "20 seconds" }))
        yield* TestRuns.complete(first)
        strictEqual((yield* Fiber.join(waiting))[0]?.runId, "next")
      }),
    )

    test(
      "end when a run is released",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const first = yield* TestRuns.hold(worker)
        const waiting = yield* TestRuns.start(TestRuns.claim(other, { wait: "20 seconds" }))
        yield* leases.release(TestRuns.leaseOf(first))
        strictEqual((yield* Fiber.join(waiting))[0]?.runId, first.runId)
      }),
    )

    test(
      "end when a delayed run becomes available",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { runId } = yield* TestRuns.submit({ availableAt: yield* TestRuns.after("3 seconds") })
        const waiting = yield* TestRuns.start(TestRuns.claim(worker, { wait: "30 seconds" }))
        strictEqual((yield* TestRuns.joinAdvancing(waiting))[0]?.runId, runId)
      }),
    )

    test(
      "end when a lease lapses",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const { runId } = yield* TestRuns.submit()
        yield* TestRuns.claimOne(worker, { leaseDuration: "5 seconds" })
        const waiting = yield* TestRuns.start(TestRuns.claim(other, { wait: "30 seconds" }))
        strictEqual((yield* TestRuns.joinAdvancing(waiting))[0]?.runId, runId)
      }),
    )

    test(
      "are empty after their wait without a run",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.start(TestRuns.claim(worker, { wait: "5 seconds" }))
        // The run is for another kind of worker, so it does not end the wait.
        yield* TestRuns.submit({ implementationKind: "other" })
        deepStrictEqual(yield* TestRuns.joinAdvancing(waiting), [])
      }),
    )

    test(
      "end one by one: each run ends the wait of one worker",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        const one = yield* TestRuns.start(TestRuns.claim(first, { wait: "20 seconds" }))
        const two = yield* TestRuns.start(TestRuns.claim(second, { wait: "20 seconds" }))
        yield* TestRuns.submit({ publicId: "a" })
        yield* TestRuns.submit({ publicId: "b" })
        const claimed = [...(yield* Fiber.join(one)), ...(yield* Fiber.join(two))]
        deepStrictEqual(claimed.map((run) => run.runId).sort(), ["a", "b"])
      }),
    )

    test(
      "take no run after their interruption",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        const interrupted = yield* TestRuns.start(TestRuns.claim(first, { wait: "20 seconds" }))
        const waiting = yield* TestRuns.start(TestRuns.claim(second, { wait: "20 seconds" }))
        yield* Fiber.interrupt(interrupted)
        yield* TestRuns.settle
        const { runId } = yield* TestRuns.submit()
        const claimed = yield* TestRuns.joinAdvancing(waiting)
        deepStrictEqual(
          claimed.map((run) => [run.runId, run.attempt]),
          [[runId, 1]],
        )
      }),
    )
  })
}
