import { describe, expect } from "@effect/vitest"
import { Executor, Leases, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Faults, TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import * as Researcher from "../src/Researcher.js"

/** A worker with the executor under test, over a control plane in memory; both use the test's clock. */
const worker = Worker.layerWith({ leaseDuration: "1 minute", drainTimeout: 0 }).pipe(
  Layer.provide(Executor.layerWith(Researcher.execute)),
)
const healthy = worker.pipe(Layer.provideMerge(MemoryControlPlane.layer))

/** The same worker, where no renewal gets an answer. */
const cutOff = worker.pipe(
  Layer.provideMerge(
    MemoryControlPlane.layer.pipe(
      Faults.over(Leases.Leases, (leases) => ({ ...leases, renew: () => Effect.never })),
    ),
  ),
)

describe("Researcher", () => {
  TestRuns.tester(healthy)(
    "takes four minutes, several times its lease, and loses nothing",
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit()
      const run = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "completed", {
        within: "5 minutes",
        step: "10 seconds",
      })
      expect(run.attempt).toBe(1)
      expect(yield* TestRuns.typesOf(runId)).toEqual([
        "RUN_STARTED",
        "STEP_STARTED",
        "STEP_FINISHED",
        "STEP_STARTED",
        "STEP_FINISHED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
      ])
    }),
  )

  TestRuns.tester(cutOff)(
    "stops when its lease cannot be renewed, and the run fails once its attempts are used up",
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit({ maxAttempts: 2 })
      const run = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "failed", {
        within: "10 minutes",
        step: "10 seconds",
      })
      expect(run.error?.code).toBe("attempts_exhausted")
    }),
  )
})
