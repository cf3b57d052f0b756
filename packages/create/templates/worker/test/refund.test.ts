import { describe, expect } from "@effect/vitest"
import { Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import agents from "../src/agents.js"
import { Refund } from "../src/refund.js"

/** A worker over a control plane in memory, on the test's clock. */
const worker = Worker.layer.pipe(Layer.provide(agents), Layer.provideMerge(MemoryControlPlane.layer))

/** Submits a refund, and answers its question. */
const refund = (approved: boolean) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const { run } = yield* Refund.submit({ order: "A-17", euros: 90, reason: "broken" })
    const { waiting } = yield* TestRuns.eventually(
      TestRuns.getRun(run.runId),
      ({ status }) => status === "waiting",
    )
    expect(waiting?.interrupts[0]?.message).toBe("Refund order A-17? This looks right.")
    yield* runs.resume(run.runId, [{ interruptId: "refund", status: "resolved", payload: { approved } }])
    return yield* Refund.await(run.runId)
  })

describe("refund", () => {
  const test = TestRuns.tester(worker)

  test(
    "pays after the approval",
    Effect.gen(function* () {
      expect(yield* refund(true)).toBe("Refunded 90 EUR")
    }),
  )

  test(
    "does not pay without it",
    Effect.gen(function* () {
      expect(yield* refund(false)).toBe("Not refunded")
    }),
  )
})
