/**
 * What a store promises to callers that go away: they take nothing with them.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Effect, Exit, Fiber, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

/**
 * Declares the tests of interrupted calls. Only for a store in the caller's process: over a network the answer may
 * be lost with the caller, and then the lease has to lapse.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Interruption (${name})`, () => {
    test(
      "a claim interrupted at any moment either has its run or leaves it, uncounted, to others",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        for (let yields = 0; yields < 12; yields++) {
          const { runId } = yield* TestRuns.submit()
          // Longer than `eventually` looks, so that a lapse does not hide a run that was taken along.
          const gone = yield* Effect.forkScoped(TestRuns.claim(first, { leaseDuration: "300 seconds" }))
          yield* Effect.repeatN(Effect.yieldNow(), yields)
          const exit = yield* Fiber.interrupt(gone)
          const [claimed] = Exit.isSuccess(exit)
            ? exit.value
            : yield* TestRuns.eventually(TestRuns.claim(second), (found) => found.length > 0)
          strictEqual(claimed?.runId, runId)
          strictEqual(claimed?.attempt, 1)
          yield* TestRuns.complete(claimed!)
        }
      }),
    )

    test(
      "a claim that is repeated while it is interrupted leaves its run with the repeat",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        for (let yields = 0; yields < 12; yields++) {
          const { runId } = yield* TestRuns.submit()
          const claim = TestRuns.claim(worker, { claimId: Ids.ClaimId.make(`claim-${yields}`) })
          const gone = yield* Effect.forkScoped(claim)
          yield* Effect.repeatN(Effect.yieldNow(), yields)
          const interruption = yield* Effect.forkScoped(Fiber.interrupt(gone))
          const claimed = yield* TestRuns.eventually(claim, (found) => found.length > 0, { step: "1 millis" })
          yield* Fiber.join(interruption)
          yield* TestRuns.settle
          deepStrictEqual(
            claimed.map((run) => [run.runId, run.attempt]),
            [[runId, 1]],
          )
          const [renewal] = yield* leases.renew({
            workerId: worker,
            leases: claimed.map(TestRuns.leaseOf),
            leaseDuration: TestRuns.leaseDuration,
          })
          strictEqual(renewal?._tag, "Held")
          yield* TestRuns.complete(claimed[0]!)
        }
      }),
    )
  })
}
