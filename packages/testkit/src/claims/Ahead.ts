/** Claims suite: runs that a claim takes ahead, which wait at their worker for a slot. */
import { deepStrictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  const claimed = (...args: Parameters<typeof TestRuns.claim>) =>
    Effect.map(TestRuns.claim(...args), (runs) => runs.map(({ runId }) => runId))

  test(
    "a claim takes none ahead of a lane that its submission names, and the others in their order",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ publicId: "first", concurrencyKey: "one" })
      yield* TestRuns.submit({ publicId: "in lane", concurrencyKey: "two" })
      yield* TestRuns.submit({ publicId: "without lane", concurrencyKey: null })
      yield* TestRuns.submit({ publicId: "of a conversation" })
      deepStrictEqual(yield* claimed(worker, { limit: 4, ahead: 3 }), [
        "first",
        "without lane",
        "of a conversation",
      ])
      deepStrictEqual(yield* claimed(worker, { limit: 1 }), ["in lane"])
    }),
  )

  test(
    "a claim of runs ahead alone does not wait for one",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      yield* TestRuns.submit({ publicId: "in lane", concurrencyKey: "one" })
      deepStrictEqual(yield* claimed(worker, { limit: 2, ahead: 2, wait: "10 seconds" }), [])
    }),
  )
}
