/** Claims suite: takeover after a lapsed lease, and the end of the last attempt. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run becomes claimable at the moment its lease lapses, and no earlier",
    Effect.gen(function* () {
      const first = yield* TestRuns.register("first")
      const second = yield* TestRuns.register("second")
      const startedAt = yield* TestRuns.after(0)
      const { runId } = yield* TestRuns.hold(first)
      yield* TestClock.adjust("29999 millis")
      deepStrictEqual(yield* TestRuns.claim(second), [])
      yield* TestClock.adjust("1 millis")
      const again = yield* TestRuns.claimOne(second)
      strictEqual(again.runId, runId)
      strictEqual(again.leaseOwner, second)
      strictEqual(again.leaseEpoch, 2)
      strictEqual(again.attempt, 2)
      // The start of a run is its first claim.
      deepStrictEqual((yield* TestRuns.getRun(runId)).startedAt, startedAt)
    }),
  )

  test(
    "a run without attempts left fails and frees its lane",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.submit({ maxAttempts: 2, concurrencyKey: "lane" })
      yield* TestRuns.submit({ publicId: "next", concurrencyKey: "lane" })
      yield* TestRuns.claimOne(worker)
      yield* TestRuns.lapse
      strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
      yield* TestRuns.lapse
      strictEqual((yield* TestRuns.claimOne(worker)).runId, "next")
      const run = yield* TestRuns.getRun(runId)
      strictEqual(run.status, "failed")
      strictEqual(run.error?.code, "attempts_exhausted")
      const events = yield* TestRuns.eventsOf(runId)
      strictEqual(events.at(-1)?.type, "RUN_ERROR")
      strictEqual(events.at(-1)?.["code"], "attempts_exhausted")
      // The log marks both attempts with their worker.
      const marks = events.filter((event) => event["name"] === "runlease.attempt")
      deepStrictEqual(
        marks.map((mark) => (mark["value"] as { previous: unknown }).previous),
        [1, 2].map((attempt) => ({ attempt, worker_id: worker, ended: "lease_expired" })),
      )
    }),
  )

  test(
    "a run without attempts left fails even when no worker claims",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      const run = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status !== "running")
      strictEqual(run.status, "failed")
      strictEqual(run.error?.code, "attempts_exhausted")
    }),
  )
}
