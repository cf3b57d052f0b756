/** What a store guarantees when a caller is interrupted: no run is lost with the caller. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Effect, Exit, Fiber, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

/**
 * Declares the tests of interrupted calls. They apply to a store in the caller's process. Over a network the response
 * may be lost with the caller, and then the lease has to lapse.
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Interruption (${name})`, () => {
    test(
      "a claim interrupted at any moment either returns its run or releases it without counting the attempt",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        for (let yields = 0; yields < 12; yields++) {
          const { runId } = yield* TestRuns.submit()
          // Longer than `eventually` waits, so that a lapse does not hide a lost run.
          const interrupted = yield* Effect.forkScoped(
            TestRuns.claim(first, { leaseDuration: "300 seconds" }),
          )
          yield* Effect.repeatN(Effect.yieldNow(), yields)
          const exit = yield* Fiber.interrupt(interrupted)
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
      "a waiting claim interrupted at any moment of a submission either returns its run or releases it without counting the attempt",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        for (let yields = 0; yields < 12; yields++) {
          const waiting = yield* TestRuns.start(
            TestRuns.claim(first, { leaseDuration: "300 seconds", wait: "300 seconds" }),
          )
          const submission = yield* Effect.forkScoped(TestRuns.submit())
          yield* Effect.repeatN(Effect.yieldNow(), yields)
          const exit = yield* Fiber.interrupt(waiting)
          const { runId } = yield* Fiber.join(submission)
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
      "a claim repeated during its interruption leaves its run with the repeat",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        for (let yields = 0; yields < 12; yields++) {
          const { runId } = yield* TestRuns.submit()
          const claim = TestRuns.claim(worker, { claimId: Ids.ClaimId.make(`claim-${yields}`) })
          const interrupted = yield* Effect.forkScoped(claim)
          yield* Effect.repeatN(Effect.yieldNow(), yields)
          const interruption = yield* Effect.forkScoped(Fiber.interrupt(interrupted))
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
          strictEqual(renewal?._tag, "Renewed")
          yield* TestRuns.complete(claimed[0]!)
        }
      }),
    )
  })
}
