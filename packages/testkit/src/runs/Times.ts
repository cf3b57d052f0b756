/** Runs suite: lists of the runs that were submitted between two instants. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { found } from "./Pages.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a list has the runs that were submitted from one instant on and before another, besides its other conditions",
    Effect.gen(function* () {
      const runs = yield* Runs
      for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
        const labels: Record<string, string> = index < 5 ? { half: "first" } : {}
        const { runId } = yield* TestRuns.submit({ publicId: `n${index}`, labels })
        if (index % 2 === 0) yield* runs.cancel(runId)
        yield* TestClock.adjust("10 seconds")
      }
      const { createdAt } = yield* TestRuns.getRun(Ids.RunId.make("n0"))
      const at = (index: number) => DateTime.addDuration(createdAt, index * 10_000)
      deepStrictEqual(yield* found({ from: at(5) }), ["n7", "n6", "n5"])
      deepStrictEqual(yield* found({ to: at(2) }), ["n1", "n0"])
      deepStrictEqual(yield* found({ from: at(2), to: at(7) }), ["n6", "n5", "n4", "n3", "n2"])
      deepStrictEqual(yield* found({ from: at(3), to: at(3) }), [])
      deepStrictEqual(yield* found({ from: at(8) }), [])
      deepStrictEqual(yield* found({ to: at(0) }), [])
      deepStrictEqual(yield* found({ from: at(1), to: at(7), status: "cancelled" }), ["n6", "n4", "n2"])
      deepStrictEqual(yield* found({ from: at(3), labels: { half: "first" } }), ["n4", "n3"])
      deepStrictEqual(yield* found({ from: at(3), labels: { half: "first" }, status: "pending" }), ["n3"])
    }),
  )
}
