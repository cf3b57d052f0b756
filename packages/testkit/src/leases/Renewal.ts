/** Leases suite: renewals, and what a cancellation does to them. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases, type LeaseSignal } from "@runlease/core/Leases"
import { type ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect, Queue, Stream, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Renews one lease and returns its renewal. */
export const renew = (claimed: ClaimedRun, epoch = claimed.leaseEpoch) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const [renewal] = yield* leases.renew({
      workerId: TestRuns.leaseOf(claimed).workerId,
      leases: [{ runId: claimed.runId, epoch }],
      leaseDuration: TestRuns.leaseDuration,
    })
    return renewal!
  })

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "renew extends the lease from now",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* TestClock.adjust("20 seconds")
      const renewal = yield* renew(claimed)
      strictEqual(renewal._tag, "Renewed")
      deepStrictEqual(renewal._tag === "Renewed" && renewal.expiresAt, yield* TestRuns.after("30 seconds"))
      yield* TestClock.adjust("29 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual((yield* renew(claimed))._tag, "Renewed")
    }),
  )

  test(
    "renew answers for each lease, in the order of the request",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const cancelled = yield* TestRuns.hold(worker)
      const claimed = yield* TestRuns.hold(worker)
      const theirs = yield* TestRuns.hold(other)
      const finished = yield* TestRuns.hold(worker)
      yield* runs.cancel(cancelled.runId)
      yield* TestRuns.complete(finished)
      const unknown = { runId: Ids.RunId.make("unknown"), leaseEpoch: claimed.leaseEpoch }
      const renewals = yield* leases.renew({
        workerId: worker,
        leases: [cancelled, theirs, unknown, claimed, finished].map(({ runId, leaseEpoch }) => ({
          runId,
          epoch: leaseEpoch,
        })),
        leaseDuration: TestRuns.leaseDuration,
      })
      deepStrictEqual(
        renewals.map(({ _tag, runId }) => [_tag, runId]),
        [
          ["Cancelled", cancelled.runId],
          ["Lost", theirs.runId],
          ["Lost", unknown.runId],
          ["Renewed", claimed.runId],
          ["Lost", finished.runId],
        ],
      )
      deepStrictEqual(
        yield* leases.renew({
          workerId: worker,
          leases: [],
          leaseDuration: TestRuns.leaseDuration,
        }),
        [],
      )
    }),
  )

  test(
    "renew without an epoch compares the owner alone",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      strictEqual((yield* renew(claimed, null))._tag, "Renewed")
      yield* TestRuns.lapse
      yield* TestRuns.claimOne(yield* TestRuns.register("other"))
      strictEqual((yield* renew(claimed, null))._tag, "Lost")
    }),
  )

  test(
    "renew does not restore a lapsed lease",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* TestRuns.lapse
      strictEqual((yield* renew(claimed))._tag, "Lost")
      strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
    }),
  )

  test(
    "a former epoch cannot renew, release or suspend, even when its worker holds the run again",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const former = yield* TestRuns.hold(worker)
      yield* TestRuns.lapse
      const current = yield* TestRuns.claimOne(worker)
      strictEqual((yield* renew(former))._tag, "Lost")
      const stale = TestRuns.leaseOf(former)
      strictEqual(yield* TestRuns.verdictOf(leases.release(stale, { delay: "1 minute" })), "LeaseLost")
      strictEqual(yield* TestRuns.verdictOf(leases.suspend(stale, TestRuns.forToolCall())), "LeaseLost")
      strictEqual((yield* renew(current))._tag, "Renewed")
      strictEqual((yield* TestRuns.getRun(current.runId)).status, "running")
    }),
  )

  test(
    "a cancellation reaches the holder at its next renewal and as a signal",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      const signals = yield* Queue.unbounded<LeaseSignal>()
      yield* TestRuns.start(
        Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
      )
      yield* runs.cancel(claimed.runId)
      deepStrictEqual(yield* Queue.take(signals), { _tag: "Cancelled", runId: claimed.runId })
      strictEqual((yield* renew(claimed))._tag, "Cancelled")
      strictEqual((yield* renew(claimed, null))._tag, "Cancelled")
    }),
  )

  test(
    "a former holder's renewal is lost, not cancelled, after a cancellation",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const former = yield* TestRuns.hold(worker)
      yield* TestRuns.lapse
      const current = yield* TestRuns.claimOne(worker)
      yield* runs.cancel(current.runId)
      strictEqual((yield* renew(former))._tag, "Lost")
      strictEqual((yield* renew(current))._tag, "Cancelled")
    }),
  )
}
