/** Leases suite: releasing and suspending a run. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { renew } from "./Renewal.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "another worker can neither release nor suspend",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const thief = { ...TestRuns.leaseOf(claimed), workerId: yield* TestRuns.register("thief") }
      strictEqual(yield* TestRuns.verdictOf(leases.release(thief)), "LeaseLost")
      const waiting = TestRuns.forToolCall()
      strictEqual(yield* TestRuns.verdictOf(leases.suspend(thief, waiting)), "LeaseLost")
      strictEqual((yield* renew(claimed))._tag, "Renewed")
    }),
  )

  test(
    "release and suspend refuse a run that does not exist",
    Effect.gen(function* () {
      const leases = yield* Leases
      const lease = {
        runId: Ids.RunId.make("unknown"),
        workerId: yield* TestRuns.register(),
        epoch: null,
      }
      strictEqual(yield* TestRuns.verdictOf(leases.release(lease)), "RunNotFound")
      const waiting = TestRuns.forToolCall()
      strictEqual(yield* TestRuns.verdictOf(leases.suspend(lease, waiting)), "RunNotFound")
    }),
  )

  test(
    "release makes the run pending at once and does not count the attempt",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      yield* leases.release(TestRuns.leaseOf(claimed), { reason: "The worker is shutting down" })
      strictEqual((yield* TestRuns.getRun(claimed.runId)).status, "pending")
      strictEqual((yield* renew(claimed))._tag, "Lost")
      const again = yield* TestRuns.claimOne(worker)
      strictEqual(again.attempt, 1)
      strictEqual(again.leaseEpoch, 2)
      const mark = (yield* TestRuns.eventsOf(claimed.runId, claimed.latestEventId))[0]
      strictEqual(mark?.["name"], "runlease.attempt")
      deepStrictEqual(mark?.["value"], {
        previous: {
          attempt: 1,
          worker_id: worker,
          ended: "released",
          reason: "The worker is shutting down",
        },
        attempt: 1,
        worker_id: worker,
      })
    }),
  )

  test(
    "release with a delay makes the run claimable after the delay",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* leases.release(TestRuns.leaseOf(claimed), { delay: "10 seconds", countAttempt: true })
      yield* TestClock.adjust("9 seconds")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 second")
      strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
    }),
  )

  test(
    "a counted release of the last attempt fails the run",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      yield* TestRuns.append(claimed, [AgentEvent.textStart("m")])
      yield* leases.release(TestRuns.leaseOf(claimed), { reason: "The model is down", countAttempt: true })
      const run = yield* TestRuns.getRun(claimed.runId)
      strictEqual(run.status, "failed")
      strictEqual(run.error?.code, "attempts_exhausted")
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_END",
        "CUSTOM",
        "RUN_ERROR",
      ])
    }),
  )

  test(
    "suspend ends the lease and closes the log with an interrupt",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* TestRuns.append(claimed, [AgentEvent.toolCallStart("call", "ask")])
      yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall())
      const run = yield* TestRuns.getRun(claimed.runId)
      strictEqual(run.status, "waiting")
      deepStrictEqual(run.waiting, {
        interrupts: [Interrupt.ofToolCall("call", "ask")],
        answers: [],
        expiresAt: null,
      })
      strictEqual((yield* renew(claimed))._tag, "Lost")
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      const events = yield* TestRuns.eventsOf(claimed.runId, 2)
      deepStrictEqual(
        events.map((event) => event.type),
        ["TOOL_CALL_END", "RUN_FINISHED"],
      )
      strictEqual(TestRuns.outcomeOf(events[1]), "interrupt")
    }),
  )
}
