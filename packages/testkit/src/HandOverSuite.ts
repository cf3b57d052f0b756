/** What a commit must do that makes a run runnable while a claim waits: the commit itself claims the run, and the claim ends. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ClaimRequest } from "@runlease/core/Claims"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect, Fiber, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

/** Passes through the queue of commits, behind the requests that are in it. */
const passCommits = Effect.flatMap(Runs, (runs) => Effect.ignore(runs.cancel(Ids.RunId.make("no-such-run"))))

/** A claim that waits, after its own look has found nothing. */
const waitingClaim = (worker: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
  TestRuns.start(TestRuns.claim(worker, { wait: "20 seconds", ...options })).pipe(
    Effect.zipLeft(passCommits),
    Effect.zipLeft(TestRuns.settle),
  )

/** The run is claimed as soon as the request that made it runnable has its answer. */
const untilRunningAt = (worker: Ids.WorkerId, runId: Ids.RunId) =>
  Effect.map(TestRuns.getRun(runId), ({ attempt, lease, status }) =>
    deepStrictEqual([status, lease?.owner, attempt], ["running", worker, 1]),
  )

const namesOf = (claimed: ReadonlyArray<ClaimedRun>) => claimed.map(({ runId }) => runId as string)

/**
 * Declares the tests of runs that a commit hands to a waiting claim; part of `ClaimsSuite`. They apply to a store whose claims
 * and submissions pass through one process.
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Runs for waiting claims (${name})`, () => {
    test(
      "are claimed in the commit of their submission, whose answer is still the pending run",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* waitingClaim(worker)
        const snapshot = RequestSnapshot.fromText("Hello")
        const submitted = yield* TestRuns.submit({ snapshot })
        yield* untilRunningAt(worker, submitted.runId)
        strictEqual(submitted.status, "pending")
        strictEqual(submitted.attempt, 0)
        const [claimed] = yield* Fiber.join(waiting)
        deepStrictEqual(claimed!.snapshot, snapshot)
        deepStrictEqual(
          [claimed!.runId, claimed!.attempt, claimed!.leaseEpoch, claimed!.latestEventId as number],
          [submitted.runId, 1, 1, 1],
        )
        strictEqual((yield* TestRuns.complete(claimed!)).completed, true)
        deepStrictEqual(yield* TestRuns.typesOf(submitted.runId), ["RUN_STARTED", "RUN_FINISHED"])
      }),
    )

    test(
      "have leases that begin at the commit, which the claim counts from its own request",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* waitingClaim(worker)
        yield* TestClock.adjust("2300 millis")
        yield* TestRuns.settle
        yield* passCommits
        yield* TestRuns.settle
        const expiresAt = yield* TestRuns.after("30 seconds")
        const { runId } = yield* TestRuns.submit()
        yield* untilRunningAt(worker, runId)
        const [claimed] = yield* Fiber.join(waiting)
        strictEqual(claimed!.waitedMillis, 2300)
        deepStrictEqual(claimed!.leaseExpiresAt, expiresAt)
      }),
    )

    test(
      "go only to claims that accept them",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register("worker-1")
        const waiting = yield* waitingClaim(worker, { agentIds: [Ids.AgentId.make("agent")] })
        const others = yield* Effect.all([
          TestRuns.submit({ agentId: "other" }),
          TestRuns.submit({ workerKey: "worker-2" }),
          TestRuns.submit({ implementationKind: "other" }),
          TestRuns.submit({ availableAt: yield* TestRuns.after("1 minute") }),
        ])
        for (const { runId } of others) strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
        const { runId } = yield* TestRuns.submit({ workerKey: "worker-1", implementationKind: "test" })
        yield* untilRunningAt(worker, runId)
        deepStrictEqual(namesOf(yield* Fiber.join(waiting)), [runId])
      }),
    )

    test(
      "go to the claim that has waited longest, one run each",
      Effect.gen(function* () {
        const first = yield* TestRuns.register("first")
        const second = yield* TestRuns.register("second")
        const one = yield* waitingClaim(first, { limit: 10 })
        const two = yield* waitingClaim(second, { limit: 10 })
        yield* TestRuns.submit({ publicId: "a" })
        yield* TestRuns.submit({ publicId: "b" })
        const { runId } = yield* TestRuns.submit({ publicId: "c" })
        deepStrictEqual(namesOf(yield* Fiber.join(one)), ["a"])
        deepStrictEqual(namesOf(yield* Fiber.join(two)), ["b"])
        strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
      }),
    )

    test(
      "stay behind the runs ahead of them in their lane, and are claimed in the commit that ends the last one",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const first = yield* TestRuns.hold(worker, { concurrencyKey: "lane" })
        const waiting = yield* waitingClaim(other)
        const next = yield* TestRuns.submit({ concurrencyKey: "lane" })
        strictEqual((yield* TestRuns.getRun(next.runId)).status, "pending")
        yield* TestRuns.complete(first)
        yield* untilRunningAt(other, next.runId)
        deepStrictEqual(namesOf(yield* Fiber.join(waiting)), [next.runId])
      }),
    )

    test(
      "are claimed in the commit that releases them, with their session",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const first = yield* TestRuns.hold(worker)
        yield* runs.recordSession(TestRuns.leaseOf(first), { sessionKey: "session-1" })
        const waiting = yield* waitingClaim(other)
        yield* leases.release(TestRuns.leaseOf(first))
        yield* untilRunningAt(other, first.runId)
        const [claimed] = yield* Fiber.join(waiting)
        deepStrictEqual([claimed!.runId, claimed!.leaseEpoch], [first.runId, 2])
        strictEqual(claimed!.session?.sessionKey, "session-1")
      }),
    )

    test(
      "are claimed in the commit of the last answer, which is in their snapshot",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const first = yield* TestRuns.hold(worker)
        yield* leases.suspend(TestRuns.leaseOf(first), TestRuns.forToolCall("call"))
        const waiting = yield* waitingClaim(worker)
        yield* runs.resume(first.runId, TestRuns.resultOf("call", "yes"))
        yield* untilRunningAt(worker, first.runId)
        deepStrictEqual(
          (yield* Fiber.join(waiting)).map(({ snapshot }) => snapshot.messages.map(({ parts }) => parts)),
          [[[{ type: "tool_result", toolCallId: "call", result: "yes" }]]],
        )
      }),
    )

    test(
      "are returned again by a repeat of the claim that they were handed to",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claimId = Ids.ClaimId.make("claim-1")
        const waiting = yield* waitingClaim(worker, { claimId })
        const { runId } = yield* TestRuns.submit({ maxAttempts: 1 })
        yield* untilRunningAt(worker, runId)
        yield* TestRuns.submit({ publicId: "other" })
        const claimed = yield* Fiber.join(waiting)
        const again = yield* TestRuns.claim(worker, { claimId, wait: "20 seconds" })
        deepStrictEqual(
          again.map(({ attempt, leaseEpoch, runId }) => [runId, leaseEpoch, attempt]),
          claimed.map(({ attempt, leaseEpoch, runId }) => [runId, leaseEpoch, attempt]),
        )
      }),
    )

    test(
      "are the same for a claim and a repeat that wait together",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claimId = Ids.ClaimId.make("claim-1")
        const one = yield* waitingClaim(worker, { claimId })
        const two = yield* waitingClaim(worker, { claimId })
        yield* TestRuns.submit({ publicId: "a" })
        const { runId } = yield* TestRuns.submit({ publicId: "b" })
        deepStrictEqual(namesOf(yield* TestRuns.joinAdvancing(one)), ["a"])
        deepStrictEqual(namesOf(yield* TestRuns.joinAdvancing(two)), ["a"])
        strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
      }),
    )
  })
}
