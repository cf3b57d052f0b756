/** Summaries suite: the position of a run among others. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { StorePorts } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { Conversations } from "@runlease/core/Conversations"
import { Leases } from "@runlease/core/Leases"
import { Summaries } from "@runlease/core/Summaries"
import { Clock, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const standing = (runId: Ids.RunId) => Effect.flatMap(Summaries, (summaries) => summaries.standing(runId))

/** The gate of a run, the run that is ahead of it, and how many runs are before it in its lane and in the queue. */
const placeOf = (runId: Ids.RunId) =>
  Effect.map(standing(runId), ({ ahead, gate, queuedBefore, runsAhead }) => [
    gate,
    ahead?.runId ?? null,
    runsAhead,
    queuedBefore,
  ])

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a run that may be claimed is behind those that claims prefer, of its kind and key",
    Effect.gen(function* () {
      const first = yield* TestRuns.submit()
      const second = yield* TestRuns.submit()
      const urgent = yield* TestRuns.submit({ priority: 5 })
      yield* TestRuns.submit({ implementationKind: "other", priority: 9 })
      yield* TestRuns.submit({ implementationKind: "test", workerKey: "worker-1", priority: 9 })
      const own = yield* TestRuns.submit({ implementationKind: "test", workerKey: "worker-1" })
      deepStrictEqual(yield* placeOf(urgent.runId), ["runnable", null, 0, 0])
      deepStrictEqual(yield* placeOf(first.runId), ["runnable", null, 0, 1])
      deepStrictEqual(yield* placeOf(second.runId), ["runnable", null, 0, 2])
      deepStrictEqual(yield* placeOf(own.runId), ["runnable", null, 0, 1])
    }),
  )

  test(
    "a run behind others of its lane shows the first of them, in whatever state that is, and how many there are",
    Effect.gen(function* () {
      const leases = yield* Leases
      const { id: conversationId } = yield* Effect.flatMap(Conversations, ({ create }) => create({}))
      const worker = yield* TestRuns.register()
      const first = yield* TestRuns.submit({ conversationId })
      const second = yield* TestRuns.submit({ conversationId })
      const third = yield* TestRuns.submit({ conversationId })
      deepStrictEqual(yield* placeOf(third.runId), ["behind", first.runId, 2, null])
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual(yield* placeOf(first.runId), [null, null, 0, null])
      strictEqual((yield* standing(third.runId)).ahead?.status, "running")
      yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
      strictEqual((yield* standing(third.runId)).ahead?.status, "waiting")
      deepStrictEqual(yield* placeOf(second.runId), ["behind", first.runId, 1, null])
    }),
  )

  test(
    "a run that was handed back with a delay is delayed, by the time of the store",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* leases.release(TestRuns.leaseOf(claimed), { delay: "10 seconds", reason: "out of paper" })
      strictEqual((yield* standing(claimed.runId)).reason, "out of paper")
      deepStrictEqual(yield* placeOf(claimed.runId), ["delayed", null, 0, null])
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* standing(claimed.runId)).now.epochMillis, yield* Clock.currentTimeMillis)
    }),
  )

  test(
    "a run that is not there has no position",
    Effect.gen(function* () {
      const { runId } = yield* TestRuns.submit({ publicId: "there" })
      yield* standing(runId)
      strictEqual(yield* TestRuns.verdictOf(standing("nothing" as Ids.RunId)), "RunNotFound")
    }),
  )
}
