/** Leases suite: completing a run together with its last events. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { type LeaseRef, Sequence } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "complete ends the run with its last events, once",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [AgentEvent.textStart("m")])
      const end = leases.complete(
        TestRuns.leaseOf(claimed),
        { status: "failed", error: { code: "reported", message: "It failed" } },
        { events: [AgentEvent.textContent("m", "a")], expectedSequence: Sequence.make(1) },
      )
      deepStrictEqual(yield* end, { completed: true })
      const run = yield* TestRuns.getRun(claimed.runId)
      strictEqual(run.status, "failed")
      strictEqual(run.latestSequence, 2)
      deepStrictEqual(run.error, { code: "reported", message: "It failed" })
      deepStrictEqual(yield* end, { completed: false })
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_ERROR",
      ])
      deepStrictEqual(yield* TestRuns.getRun(claimed.runId), run)
    }),
  )

  test(
    "complete without events ends the run and stores the metadata of the outcome",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const metadata = { tokens: 7 }
      deepStrictEqual(yield* leases.complete(TestRuns.leaseOf(claimed), { status: "completed", metadata }), {
        completed: true,
      })
      const run = yield* TestRuns.getRun(claimed.runId)
      strictEqual(run.status, "completed")
      deepStrictEqual(run.metadata, metadata)
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId), ["RUN_STARTED", "RUN_FINISHED"])
    }),
  )

  test(
    "complete appends only the events that the log does not have yet",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const [first, second] = [AgentEvent.custom("n", 1), AgentEvent.custom("n", 2)]
      yield* TestRuns.append(claimed, [first])
      deepStrictEqual(
        yield* leases.complete(
          TestRuns.leaseOf(claimed),
          { status: "completed" },
          { events: [first, second], expectedSequence: claimed.latestSequence },
        ),
        { completed: true },
      )
      deepStrictEqual(
        (yield* TestRuns.eventsOf(claimed.runId)).flatMap((event) => event["value"] ?? []),
        [1, 2],
      )
    }),
  )

  test(
    "complete with events that the log refuses changes nothing",
    Effect.gen(function* () {
      const leases = yield* Leases
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const before = yield* TestRuns.getRun(claimed.runId)
      const end = (event: AgentEvent.LogEvent, expectedSequence: Sequence) =>
        TestRuns.verdictOf(
          leases.complete(
            TestRuns.leaseOf(claimed),
            { status: "completed" },
            { events: [event], expectedSequence },
          ),
        )
      const good = AgentEvent.custom("n", 1)
      strictEqual(yield* end({ type: "RUN_FINISHED" }, claimed.latestSequence), "EventRefused")
      strictEqual(yield* end(good, Sequence.make(claimed.latestSequence + 1)), "CursorMismatch")
      deepStrictEqual(yield* TestRuns.getRun(claimed.runId), before)
      strictEqual(yield* end(good, claimed.latestSequence), "Succeeded")
    }),
  )

  test(
    "complete refuses a caller that does not hold the run, and does not change a cancelled run",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const former = yield* TestRuns.hold(worker)
      yield* TestRuns.lapse
      const current = yield* TestRuns.claimOne(worker)
      const end = (lease: LeaseRef) =>
        leases.complete(
          lease,
          { status: "completed" },
          { events: [AgentEvent.custom("n", 1)], expectedSequence: Sequence.make(0) },
        )
      strictEqual(yield* TestRuns.verdictOf(end(TestRuns.leaseOf(former))), "LeaseLost")
      const nowhere = { ...TestRuns.leaseOf(current), runId: Ids.RunId.make("unknown") }
      strictEqual(yield* TestRuns.verdictOf(end(nowhere)), "RunNotFound")
      yield* runs.cancel(current.runId)
      const cancelled = yield* TestRuns.getRun(current.runId)
      deepStrictEqual(yield* end(TestRuns.leaseOf(current)), { completed: false })
      deepStrictEqual(yield* TestRuns.getRun(current.runId), cancelled)
    }),
  )
}
