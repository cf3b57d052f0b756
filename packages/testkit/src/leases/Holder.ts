/** Leases suite: the holder renews, releases, suspends, pauses and completes its run. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases, type LeaseSignal } from "@runlease/core/Leases"
import { type ClaimedRun, type LeaseRef, Sequence } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, Queue, Stream, TestClock } from "effect"
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

const pause = (claimed: ClaimedRun, wakeAfter = "10 seconds" as const) =>
  Effect.flatMap(Leases, (leases) => leases.suspend(TestRuns.leaseOf(claimed), { wakeAfter }))
