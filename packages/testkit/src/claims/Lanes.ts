/** Claims suite: runs of one lane are claimed one after another. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const conversation = Effect.flatMap(Conversations, (conversations) => conversations.create())

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "runs of one conversation are claimed one at a time, in the order of submission",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { id } = yield* conversation
      yield* TestRuns.submit({ publicId: "first", conversationId: id })
      yield* TestRuns.submit({ publicId: "second", conversationId: id, priority: 100 })
      yield* TestRuns.submit({ publicId: "third", conversationId: id })
      for (const expected of ["first", "second", "third"]) {
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(
          claimed.map((run) => run.runId),
          [expected],
        )
        yield* TestRuns.complete(claimed[0]!)
      }
    }),
  )

  test(
    "a delayed, driven or suspended run blocks its lane until it ends",
    Effect.gen(function* () {
      const runs = yield* Runs
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const delayed = yield* TestRuns.submit({
        concurrencyKey: "lane",
        availableAt: yield* TestRuns.after("1 minute"),
      })
      const driven = yield* TestRuns.submit({ concurrencyKey: "lane", initialStatus: "running" })
      yield* TestRuns.submit({ concurrencyKey: "lane", publicId: "suspended" })
      yield* TestRuns.submit({ concurrencyKey: "lane", publicId: "last" })
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.cancel(delayed.runId)
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.complete(driven.runId, { status: "completed" })
      const suspended = yield* TestRuns.claimOne(worker)
      strictEqual(suspended.runId, "suspended")
      yield* leases.suspend(TestRuns.leaseOf(suspended), TestRuns.forToolCall())
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* runs.cancel(suspended.runId)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, "last")
    }),
  )

  test(
    "a run is updated when its lane lets it go, since its wait for a claim begins then",
    Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* TestRuns.submit({ concurrencyKey: "lane" })
      const second = yield* TestRuns.submit({ concurrencyKey: "lane" })
      yield* TestClock.adjust("7 seconds")
      yield* runs.cancel(first.runId)
      const { createdAt, updatedAt } = yield* runs.get(second.runId)
      strictEqual(updatedAt.epochMillis - createdAt.epochMillis, 7000)
    }),
  )

  test(
    "runs of one conversation overlap when their submissions allow it",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { id } = yield* conversation
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: null })
      yield* TestRuns.submit({ conversationId: id, concurrencyKey: "other" })
      strictEqual((yield* TestRuns.claim(worker, { limit: 10 })).length, 3)
    }),
  )
}
