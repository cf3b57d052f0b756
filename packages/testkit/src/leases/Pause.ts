/** Leases suite: a run that is suspended for a time. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { renew } from "./Renewal.js"

const pause = (claimed: ClaimedRun, wakeAfter = "10 seconds" as const) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), { wakeAfter }))

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a run that sleeps has no worker, and continues by itself at its time",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker)
      yield* TestRuns.append(claimed, [AgentEvent.stepStarted("work")])
      const wakesAt = yield* TestRuns.after("10 seconds")
      yield* pause(claimed)
      const sleeping = yield* TestRuns.getRun(claimed.runId)
      deepStrictEqual([sleeping.status, sleeping.attempt, sleeping.lease], ["waiting", 0, null])
      deepStrictEqual(sleeping.waiting, {
        interrupts: [],
        answers: [],
        expiresAt: null,
        wakesAt,
      })
      strictEqual((yield* renew(claimed))._tag, "Lost")

      yield* TestClock.adjust("9999 millis")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      yield* TestClock.adjust("1 millis")
      const again = yield* TestRuns.claimOne(worker)
      deepStrictEqual([again.runId, again.attempt, again.leaseEpoch], [claimed.runId, 1, 2])
      yield* TestRuns.complete(again)
      const events = yield* TestRuns.eventsOf(claimed.runId)
      deepStrictEqual(
        events.map(({ type }) => type),
        ["RUN_STARTED", "STEP_STARTED", "STEP_FINISHED", "CUSTOM", "RUN_FINISHED"],
      )
      deepStrictEqual(events[3], {
        type: "CUSTOM",
        name: "runlease.waiting",
        value: { reasons: ["sleep"], until: DateTime.formatIso(wakesAt) },
      })
    }),
  )

  test(
    "a run that sleeps is pending at its time without a claim",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* pause(claimed)
      yield* TestRuns.settle
      yield* TestClock.adjust("10 seconds")
      const { waiting } = yield* TestRuns.eventually(
        TestRuns.getRun(claimed.runId),
        ({ status }) => status === "pending",
        { step: "1 millis", within: "100 millis" },
      )
      strictEqual(waiting, null)
    }),
  )

  test(
    "a run that sleeps keeps its lane, takes no event and no answer, and can be cancelled",
    Effect.gen(function* () {
      const runs = yield* Runs
      const log = yield* RunLog
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker, { concurrencyKey: "lane" })
      const next = yield* TestRuns.submit({ concurrencyKey: "lane" })
      yield* pause(claimed)
      const { runId } = claimed
      const appending = log.append({ runId, events: [AgentEvent.custom("late", null)] })
      strictEqual(yield* TestRuns.verdictOf(appending), "RunWaiting")
      strictEqual(yield* TestRuns.verdictOf(runs.resume(runId, TestRuns.resultOf("call", 1))), "NotWaiting")
      deepStrictEqual(yield* TestRuns.claim(worker), [])
      strictEqual((yield* runs.cancel(runId)).cancelled, true)
      strictEqual((yield* TestRuns.claimOne(worker)).runId, next.runId)
      yield* TestClock.adjust("10 seconds")
      yield* TestRuns.settle
      strictEqual((yield* TestRuns.getRun(runId)).status, "cancelled")
    }),
  )

  test(
    "a run may sleep for no time at all, and in its last attempt",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const claimed = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      yield* leases.suspend(TestRuns.leaseOf(claimed), { wakeAfter: 0 })
      strictEqual((yield* TestRuns.claimOne(worker)).attempt, 1)
    }),
  )

  test(
    "only the holder of a run lets it sleep",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const thief = { ...TestRuns.leaseOf(claimed), workerId: yield* TestRuns.register("thief") }
      strictEqual(yield* TestRuns.verdictOf(leases.suspend(thief, { wakeAfter: 0 })), "LeaseLost")
      strictEqual((yield* renew(claimed))._tag, "Renewed")
    }),
  )
}
