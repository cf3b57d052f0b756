/** Leases suite: runs that are not claimed in time, and runs that work for too long. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { RunId } from "@runlease/core/Ids"
import { Leases, type LeaseSignal } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, Queue, Stream, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { spawn } from "./Children.js"
import { renew } from "./Holder.js"

/** The state of a run: its status, and the code of its error. */
const standing = (runId: RunId) =>
  Effect.map(TestRuns.getRun(runId), ({ error, status }) =>
    error === null ? status : `${status} ${error.code}`,
  )

const pause = (claimed: ClaimedRun, wakeAfter: "20 seconds") =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), { wakeAfter }))

const limitsOf = (runId: RunId) =>
  Effect.map(TestRuns.getRun(runId), ({ startBy, timeoutAt, timeoutSeconds, ttlSeconds }) => ({
    startBy,
    timeoutAt,
    timeoutSeconds,
    ttlSeconds,
  }))

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run that no worker has claimed within its ttl is cancelled, and none claims it any more",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const startBy = yield* TestRuns.after("10 seconds")
      const { runId } = yield* TestRuns.submit({ ttlSeconds: 10 })
      deepStrictEqual(yield* limitsOf(runId), {
        startBy,
        timeoutAt: undefined,
        timeoutSeconds: undefined,
        ttlSeconds: 10,
      })
      yield* TestClock.adjust("10 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      const { error, startedAt, status } = yield* TestRuns.getRun(runId)
      deepStrictEqual([status, startedAt], ["cancelled", null])
      deepStrictEqual(error, {
        code: "EXPIRED",
        message: "No worker has claimed the run within 10 seconds",
      })
      const events = yield* TestRuns.eventsOf(runId)
      deepStrictEqual(
        events.map(({ type }) => type),
        ["RUN_STARTED", "RUN_FINISHED"],
      )
      strictEqual(TestRuns.outcomeOf(events.at(-1)), "cancelled")
      strictEqual((yield* limitsOf(runId)).startBy, undefined)
    }),
  )

  test(
    "a run is cancelled at its ttl, and fails at its timeout, where no worker claims",
    Effect.gen(function* () {
      const working = yield* TestRuns.hold(yield* TestRuns.register(), { timeoutSeconds: 10 })
      const { runId } = yield* TestRuns.submit({ ttlSeconds: 10 })
      yield* TestRuns.settle
      yield* TestClock.adjust("10 seconds")
      yield* TestRuns.untilFailed(working.runId)
      yield* TestRuns.eventually(standing(runId), (now) => now === "cancelled EXPIRED", {
        step: "1 millis",
        within: "100 millis",
      })
    }),
  )

  test(
    "a run that was claimed in time has no ttl from then on",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.submit({ ttlSeconds: 10 })
      yield* TestClock.adjust("9999 millis")
      const first = yield* TestRuns.claimOne(worker)
      yield* leases.release(TestRuns.leaseOf(first))
      strictEqual((yield* limitsOf(runId)).startBy, undefined)
      yield* TestClock.adjust("15 seconds")
      const second = yield* TestRuns.claimOne(worker)
      yield* pause(second, "20 seconds")
      yield* TestClock.adjust("20 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, runId)
    }),
  )

  test(
    "the ttl of a delayed run counts from the end of its delay",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const availableAt = yield* TestRuns.after("30 seconds")
      const [early, late] = [
        yield* TestRuns.submit({ availableAt, ttlSeconds: 10 }),
        yield* TestRuns.submit({ availableAt, ttlSeconds: 20 }),
      ]
      deepStrictEqual((yield* limitsOf(early.runId)).startBy, DateTime.add(availableAt, { seconds: 10 }))
      yield* TestClock.adjust("25 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* standing(early.runId), "pending")
      yield* TestClock.adjust("20 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, late.runId)
      strictEqual(yield* standing(early.runId), "cancelled EXPIRED")
    }),
  )

  test(
    "a run of a lane is cancelled at its ttl behind the others, and at the head lets the next one go",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const lane = { concurrencyKey: "lane" }
      const head = yield* TestRuns.hold(worker, lane)
      const behind = yield* TestRuns.submit({ ...lane, ttlSeconds: 5 })
      const next = yield* TestRuns.submit({ ...lane, ttlSeconds: 20 })
      const last = yield* TestRuns.submit(lane)
      yield* TestClock.adjust("5 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* standing(behind.runId), "cancelled EXPIRED")
      yield* TestRuns.complete(head)
      yield* TestClock.adjust("15 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, last.runId)
      strictEqual(yield* standing(next.runId), "cancelled EXPIRED")
    }),
  )

  test(
    "a run that has worked for its timeout fails, although its lease is renewed, and its worker learns of it",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const signals = yield* Queue.unbounded<LeaseSignal>()
      yield* TestRuns.start(
        Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
      )
      const timeoutAt = yield* TestRuns.after("45 seconds")
      const claimed = yield* TestRuns.hold(worker, { timeoutSeconds: 45 })
      const { runId } = claimed
      deepStrictEqual((yield* limitsOf(runId)).timeoutAt, timeoutAt)
      yield* TestRuns.append(claimed, [AgentEvent.stepStarted("work")])
      yield* TestClock.adjust("20 seconds")
      strictEqual((yield* renew(claimed))._tag, "Renewed")
      yield* TestClock.adjust("24999 millis")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* standing(runId), "running")
      yield* TestClock.adjust("1 millis")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      deepStrictEqual((yield* TestRuns.getRun(runId)).error, {
        code: "TIMEOUT",
        message: "The run has worked for 45 seconds, which is its timeout",
      })
      deepStrictEqual(yield* Queue.take(signals), { _tag: "Cancelled", runId })
      strictEqual((yield* renew(claimed))._tag, "Cancelled")
      const appending = TestRuns.append(claimed, [AgentEvent.custom("late", null)])
      strictEqual(yield* TestRuns.verdictOf(appending), "RunEnded")
      const ending = leases.complete(TestRuns.leaseOf(claimed), { status: "completed" })
      deepStrictEqual(yield* ending, { completed: false })
      deepStrictEqual(yield* TestRuns.typesOf(runId), [
        "RUN_STARTED",
        "STEP_STARTED",
        "STEP_FINISHED",
        "RUN_ERROR",
      ])
    }),
  )

  test(
    "the timeout counts the work of all attempts, without waits and without time in the queue",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const first = yield* TestRuns.hold(worker, { timeoutSeconds: 20, maxAttempts: 10 })
      const { runId } = first
      yield* TestClock.adjust("8 seconds")
      yield* leases.release(TestRuns.leaseOf(first), { countAttempt: true })
      strictEqual((yield* limitsOf(runId)).timeoutAt, undefined)
      yield* TestClock.adjust("20 seconds")
      const second = yield* TestRuns.claimOne(worker)
      deepStrictEqual((yield* limitsOf(runId)).timeoutAt, yield* TestRuns.after("12 seconds"))
      yield* TestClock.adjust("7 seconds")
      yield* pause(second, "20 seconds")
      yield* TestClock.adjust("20 seconds")
      yield* TestRuns.claimOne(worker)
      deepStrictEqual((yield* limitsOf(runId)).timeoutAt, yield* TestRuns.after("5 seconds"))
      yield* TestClock.adjust("5 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* standing(runId), "failed TIMEOUT")
    }),
  )

  test(
    "a lease that lapses has worked until its end",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.hold(worker, { timeoutSeconds: 40 })
      yield* TestClock.adjust("35 seconds")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.attempt], [runId, 2])
      deepStrictEqual((yield* limitsOf(runId)).timeoutAt, yield* TestRuns.after("10 seconds"))
      // The lease would last longer than the work may.
      yield* TestClock.adjust("10 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual(yield* standing(runId), "failed TIMEOUT")
    }),
  )

  test(
    "a run that times out in a lane lets the next one go, and its open children are cancelled",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker, { concurrencyKey: "lane", timeoutSeconds: 5 })
      const { runId } = yield* spawn(TestRuns.leaseOf(parent), "child")
      yield* TestRuns.claimOne(worker)
      const next = yield* TestRuns.submit({ concurrencyKey: "lane" })
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, next.runId)
      strictEqual(yield* standing(parent.runId), "failed TIMEOUT")
      strictEqual(yield* standing(runId), "cancelled parent_ended")
    }),
  )

  test(
    "a child has its own limits, and its parent resumes when one of them ends it",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const parent = yield* TestRuns.hold(worker)
      const lease = TestRuns.leaseOf(parent)
      const slow = yield* spawn(lease, "slow", { timeoutSeconds: 5 })
      yield* TestRuns.claimOne(worker)
      const unclaimed = yield* spawn(lease, "unclaimed", { implementationKind: "other", ttlSeconds: 5 })
      yield* leases.suspend(lease, { children: [[slow.index!, unclaimed.index!]] })
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* TestRuns.claimOne(worker)).runId, parent.runId)
      strictEqual(yield* standing(slow.runId), "failed TIMEOUT")
      strictEqual(yield* standing(unclaimed.runId), "cancelled EXPIRED")
    }),
  )

  test(
    "a retry and a fork have the limits of their run, and begin to count anew",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const first = yield* TestRuns.hold(worker, { ttlSeconds: 30, timeoutSeconds: 20 })
      yield* TestClock.adjust("15 seconds")
      yield* TestRuns.complete(first)
      const retried = yield* runs.retry(first.runId)
      const forked = yield* runs.fork(first.runId, { after: first.latestEventId })
      const startBy = yield* TestRuns.after("30 seconds")
      for (const { run } of [retried, forked]) {
        const { timeoutSeconds, ttlSeconds } = run
        deepStrictEqual([run.startBy, ttlSeconds, timeoutSeconds], [startBy, 30, 20])
      }
      yield* TestRuns.claimOne(worker)
      deepStrictEqual((yield* limitsOf(retried.run.runId)).timeoutAt, yield* TestRuns.after("20 seconds"))
    }),
  )

  test(
    "limits are whole seconds from 1 to 365 days, are a part of the request, and need a run that is claimed",
    Effect.gen(function* () {
      const runs = yield* Runs
      const most = 365 * 24 * 60 * 60
      for (const field of ["ttlSeconds", "timeoutSeconds"] as const) {
        for (const refused of [0, -1, 1.5, most + 1, Number.NaN]) {
          const error = yield* Effect.flip(runs.submit(TestRuns.submission({ [field]: refused })))
          strictEqual(error._tag === "InvalidSubmission" && error.field, field)
        }
        const driven = TestRuns.submission({ initialStatus: "running", [field]: 1 })
        const error = yield* Effect.flip(runs.submit(driven))
        strictEqual(error._tag === "InvalidSubmission" && error.field, field)
        const named = { publicId: field, [field]: most }
        strictEqual((yield* TestRuns.submit(named))[field], most)
        strictEqual((yield* runs.submit(TestRuns.submission(named))).duplicate, true)
        const other = runs.submit(TestRuns.submission({ ...named, [field]: 1 }))
        strictEqual(yield* TestRuns.verdictOf(other), "SubmissionConflict")
      }
    }),
  )
}
