/** What a repeated claim must do: return the runs of the first claim while the worker holds them, else claim new runs. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Effect, Fiber, type Layer, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const claimId = Ids.ClaimId.make("claim-1")

/** The parts of the lease that a repeat does not change. */
const leasesOf = (claimed: ReadonlyArray<ClaimedRun>) =>
  claimed.map(({ attempt, leaseEpoch, leaseOwner, runId }) => ({ attempt, leaseEpoch, leaseOwner, runId }))

const idsOf = (claimed: ReadonlyArray<ClaimedRun>) => claimed.map(({ runId }) => runId as string)

const expiriesOf = (claimed: ReadonlyArray<ClaimedRun>) => claimed.map(({ leaseExpiresAt }) => leaseExpiresAt)

/** Declares the tests of repeated claims; part of `ClaimsSuite`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Repeated claims (${name})`, () => {
    test(
      "return the same run under the same lease, renewed from the repeat",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "first", maxAttempts: 1 })
        yield* TestRuns.submit({ publicId: "second" })
        const claimed = yield* TestRuns.claim(worker, { claimId })
        yield* TestClock.adjust("20 seconds")
        const again = yield* TestRuns.claim(worker, { claimId })
        deepStrictEqual(idsOf(again), ["first"])
        deepStrictEqual(leasesOf(again), leasesOf(claimed))
        deepStrictEqual(again[0]!.snapshot, claimed[0]!.snapshot)
        deepStrictEqual(expiriesOf(again), [yield* TestRuns.after("30 seconds")])
        // Past the end of the first lease.
        yield* TestClock.adjust("20 seconds")
        strictEqual((yield* TestRuns.complete(again[0]!)).completed, true)
        deepStrictEqual(yield* TestRuns.typesOf(again[0]!.runId), ["RUN_STARTED", "RUN_FINISHED"])
      }),
    )

    test(
      "return all runs of a batch, the best first",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "low", priority: -1 })
        yield* TestRuns.submit({ publicId: "first" })
        yield* TestRuns.submit({ publicId: "high", priority: 1 })
        const claimed = yield* TestRuns.claim(worker, { claimId, limit: 3 })
        yield* TestRuns.submit({ publicId: "later", priority: 2 })
        const again = yield* TestRuns.claim(worker, { claimId, limit: 3 })
        deepStrictEqual(idsOf(again), ["high", "first", "low"])
        deepStrictEqual(leasesOf(again), leasesOf(claimed))
      }),
    )

    test(
      "take no run with a limit of 0, and return what their id gave",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "first" })
        deepStrictEqual(yield* TestRuns.claim(worker, { claimId, limit: 0, wait: "20 seconds" }), [])
        const claimed = yield* TestRuns.claim(worker, { claimId })
        yield* TestRuns.submit({ publicId: "second" })
        const again = yield* TestRuns.claim(worker, { claimId, limit: 0 })
        deepStrictEqual(leasesOf(again), leasesOf(claimed))
        const leases = yield* Leases
        yield* leases.release(TestRuns.leaseOf(again[0]!))
        deepStrictEqual(yield* TestRuns.claim(worker, { claimId, limit: 0 }), [])
        strictEqual((yield* TestRuns.getRun(Ids.RunId.make("second"))).status, "pending")
      }),
    )

    test(
      "return the runs of a batch that the worker still holds",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "completed" })
        yield* TestRuns.submit({ publicId: "released" })
        yield* TestRuns.submit({ publicId: "working" })
        const [completed, released] = yield* TestRuns.claim(worker, { claimId, limit: 3 })
        yield* TestRuns.complete(completed!)
        yield* leases.release(TestRuns.leaseOf(released!))
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { claimId, limit: 3 })), ["working"])
      }),
    )

    test(
      "claim a new run once the worker holds none of the first",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "first" })
        yield* TestRuns.complete(yield* TestRuns.claimOne(worker, { claimId }))
        deepStrictEqual(yield* TestRuns.claim(worker, { claimId }), [])
        yield* TestRuns.submit({ publicId: "second" })
        strictEqual((yield* TestRuns.claimOne(worker, { claimId })).attempt, 1)
        yield* TestRuns.lapse
        const again = yield* TestRuns.claimOne(worker, { claimId })
        deepStrictEqual([again.runId as string, again.attempt], ["second", 2])
      }),
    )

    test(
      "return no run of another worker, of another claim, or of a claim without an id",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        yield* TestRuns.submit({ publicId: "first" })
        yield* TestRuns.submit({ publicId: "second" })
        strictEqual((yield* TestRuns.claimOne(worker, { claimId })).runId, "first")
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "second")
        deepStrictEqual(yield* TestRuns.claim(other, { claimId }), [])
        deepStrictEqual(yield* TestRuns.claim(worker, { claimId: Ids.ClaimId.make("claim-2") }), [])
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { claimId })), ["first"])
      }),
    )

    test(
      "return nothing after the worker claimed the run again without an id",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit()
        yield* TestRuns.claimOne(worker, { claimId })
        yield* TestRuns.lapse
        strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
        deepStrictEqual(yield* TestRuns.claim(worker, { claimId }), [])
      }),
    )

    test(
      "return one run when the claim and its repeat arrive together",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "first" })
        yield* TestRuns.submit({ publicId: "second" })
        const claim = TestRuns.claim(worker, { claimId })
        const [one, two] = yield* Effect.all([claim, claim], { concurrency: "unbounded" })
        deepStrictEqual(leasesOf(one), leasesOf(two))
        deepStrictEqual(idsOf(one), ["first"])
      }),
    )

    test(
      "end a wait with the run of the first claim",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.start(TestRuns.claim(worker, { claimId, wait: "20 seconds" }))
        yield* TestRuns.submit({ publicId: "first" })
        yield* TestRuns.submit({ publicId: "second" })
        const claimed = yield* Fiber.join(waiting)
        const again = yield* TestRuns.claim(worker, { claimId, wait: "20 seconds" })
        strictEqual(again.length, 1)
        deepStrictEqual(leasesOf(again), leasesOf(claimed))
      }),
    )
  })
}
