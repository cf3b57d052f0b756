import { describe, expect } from "@effect/vitest"
import { Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import { agentOf } from "../src/agent.js"
import { Task } from "../src/task.js"

/** A worker of that name. */
const worker = (name: string) =>
  Worker.layerWith({ workerKey: name, concurrency: 2 }).pipe(Layer.provide(agentOf(name)))

/** Two workers over one control plane in memory, on the test's clock. */
const fleet = Layer.mergeAll(Layer.fresh(worker("ada")), Layer.fresh(worker("brian"))).pipe(
  Layer.provideMerge(MemoryControlPlane.layer),
)

describe("a fleet", () => {
  TestRuns.tester(fleet)(
    "shares the runs",
    Effect.gen(function* () {
      const submitted = yield* TestRuns.start(
        Effect.forEach([1, 2, 3, 4], (number) => Task.execute({ number }), { concurrency: "unbounded" }),
      )
      const values = yield* TestRuns.joinAdvancing(submitted)
      expect(values.map(({ answer }) => answer)).toEqual([1, 2, 3, 4].map((n) => `Thought about ${n}`))
      expect(new Set(values.map((value) => value.worker))).toEqual(new Set(["ada", "brian"]))
    }),
  )
})
