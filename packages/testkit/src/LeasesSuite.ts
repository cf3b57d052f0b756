/**
 * What every `Leases` must do: keep, hand back and suspend for the holder, and refuse everybody else.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import { type ClaimedRun, type LeaseRef, Sequence } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, type Layer, Queue, Stream, TestClock } from "effect"
import * as TestRuns from "./TestRuns.js"

const renew = (claimed: ClaimedRun, epoch = claimed.leaseEpoch) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const [renewal] = yield* leases.renew({
      workerId: TestRuns.leaseOf(claimed).workerId,
      leases: [{ runId: claimed.runId, epoch }],
      leaseDuration: TestRuns.leaseDuration,
    })
    return renewal!
  })

/**
 * Declares the tests of `Leases`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Leases (${name})`, () => {
    test(
      "renew extends the lease from now",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        yield* TestClock.adjust("20 seconds")
        const renewal = yield* renew(held)
        strictEqual(renewal._tag, "Held")
        strictEqual(renewal._tag === "Held" && DateTime.toEpochMillis(renewal.expiresAt), 50_000)
        yield* TestClock.adjust("29 seconds")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        strictEqual((yield* renew(held))._tag, "Held")
      }),
    )

    test(
      "renew answers for each lease, in the order asked",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const other = yield* TestRuns.register("other")
        const cancelled = yield* TestRuns.hold(worker)
        const held = yield* TestRuns.hold(worker)
        const theirs = yield* TestRuns.hold(other)
        const finished = yield* TestRuns.hold(worker)
        yield* runs.cancel(cancelled.runId)
        yield* TestRuns.complete(finished)
        const unknown = { runId: Ids.RunId.make("unknown"), leaseEpoch: held.leaseEpoch }
        const renewals = yield* leases.renew({
          workerId: worker,
          leases: [cancelled, theirs, unknown, held, finished].map(({ runId, leaseEpoch }) => ({
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
            ["Held", held.runId],
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
      "renew without an epoch goes by the owner alone",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        strictEqual((yield* renew(held, null))._tag, "Held")
        yield* TestRuns.lapse
        yield* TestRuns.claimOne(yield* TestRuns.register("other"))
        strictEqual((yield* renew(held, null))._tag, "Lost")
      }),
    )

    test(
      "renew does not bring back a lease that lapsed",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        yield* TestRuns.lapse
        strictEqual((yield* renew(held))._tag, "Lost")
        strictEqual((yield* TestRuns.claimOne(worker)).attempt, 2)
      }),
    )

    test(
      "a lease taken over, even by the same worker, is lost to its former epoch in every way",
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
        strictEqual((yield* renew(current))._tag, "Held")
        strictEqual((yield* TestRuns.getRun(current.runId)).status, "running")
      }),
    )

    test(
      "another worker can neither release nor suspend",
      Effect.gen(function* () {
        const leases = yield* Leases
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const thief = { ...TestRuns.leaseOf(held), workerId: yield* TestRuns.register("thief") }
        strictEqual(yield* TestRuns.verdictOf(leases.release(thief)), "LeaseLost")
        const waiting = TestRuns.forToolCall()
        strictEqual(yield* TestRuns.verdictOf(leases.suspend(thief, waiting)), "LeaseLost")
        strictEqual((yield* renew(held))._tag, "Held")
      }),
    )

    test(
      "release and suspend of a run that does not exist say so",
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
      "release hands the run back at once, with the attempt not counted",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker, { maxAttempts: 1 })
        yield* leases.release(TestRuns.leaseOf(held), { reason: "The worker is shutting down" })
        strictEqual((yield* TestRuns.getRun(held.runId)).status, "pending")
        strictEqual((yield* renew(held))._tag, "Lost")
        const again = yield* TestRuns.claimOne(worker)
        strictEqual(again.attempt, 1)
        strictEqual(again.leaseEpoch, 2)
        const mark = (yield* TestRuns.eventsOf(held.runId, held.latestEventId))[0]
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
      "release with a delay keeps the run from being claimed until then",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        yield* leases.release(TestRuns.leaseOf(held), { delay: "10 seconds", countAttempt: true })
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
        const held = yield* TestRuns.hold(worker, { maxAttempts: 1 })
        yield* TestRuns.append(held, [AgentEvent.textStart("m")])
        yield* leases.release(TestRuns.leaseOf(held), { reason: "The model is down", countAttempt: true })
        const run = yield* TestRuns.getRun(held.runId)
        strictEqual(run.status, "failed")
        strictEqual(run.error?.code, "attempts_exhausted")
        deepStrictEqual(yield* TestRuns.typesOf(held.runId), [
          "RUN_STARTED",
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_END",
          "CUSTOM",
          "RUN_ERROR",
        ])
      }),
    )

    test(
      "suspend frees the run and closes its log as an interrupt",
      Effect.gen(function* () {
        const leases = yield* Leases
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        yield* TestRuns.append(held, [AgentEvent.toolCallStart("call", "ask")])
        yield* leases.suspend(TestRuns.leaseOf(held), TestRuns.forToolCall())
        const run = yield* TestRuns.getRun(held.runId)
        strictEqual(run.status, "waiting")
        deepStrictEqual(run.waiting, {
          interrupts: [Interrupt.ofToolCall("call", "ask")],
          answers: [],
          expiresAt: null,
        })
        strictEqual((yield* renew(held))._tag, "Lost")
        yield* TestClock.adjust("1 minute")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        const events = yield* TestRuns.eventsOf(held.runId, 2)
        deepStrictEqual(
          events.map((event) => event.type),
          ["TOOL_CALL_END", "RUN_FINISHED"],
        )
        strictEqual(TestRuns.outcomeOf(events[1]), "interrupt")
      }),
    )

    test(
      "complete ends the run with its last events, once",
      Effect.gen(function* () {
        const leases = yield* Leases
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        yield* TestRuns.append(held, [AgentEvent.textStart("m")])
        const end = leases.complete(
          TestRuns.leaseOf(held),
          { status: "failed", error: { code: "told", message: "It failed" } },
          { events: [AgentEvent.textContent("m", "a")], expectedSequence: Sequence.make(1) },
        )
        deepStrictEqual(yield* end, { completed: true })
        const run = yield* TestRuns.getRun(held.runId)
        strictEqual(run.status, "failed")
        strictEqual(run.latestSequence, 2)
        deepStrictEqual(run.error, { code: "told", message: "It failed" })
        deepStrictEqual(yield* end, { completed: false })
        deepStrictEqual(yield* TestRuns.typesOf(held.runId), [
          "RUN_STARTED",
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "RUN_ERROR",
        ])
        deepStrictEqual(yield* TestRuns.getRun(held.runId), run)
      }),
    )

    test(
      "complete without last events ends the run, and replaces its metadata when told to",
      Effect.gen(function* () {
        const leases = yield* Leases
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const metadata = { tokens: 7 }
        deepStrictEqual(yield* leases.complete(TestRuns.leaseOf(held), { status: "completed", metadata }), {
          completed: true,
        })
        const run = yield* TestRuns.getRun(held.runId)
        strictEqual(run.status, "completed")
        deepStrictEqual(run.metadata, metadata)
        deepStrictEqual(yield* TestRuns.typesOf(held.runId), ["RUN_STARTED", "RUN_FINISHED"])
      }),
    )

    test(
      "complete adds only those of the last events that are not there yet",
      Effect.gen(function* () {
        const leases = yield* Leases
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const [first, second] = [AgentEvent.custom("n", 1), AgentEvent.custom("n", 2)]
        yield* TestRuns.append(held, [first])
        deepStrictEqual(
          yield* leases.complete(
            TestRuns.leaseOf(held),
            { status: "completed" },
            { events: [first, second], expectedSequence: held.latestSequence },
          ),
          { completed: true },
        )
        deepStrictEqual(
          (yield* TestRuns.eventsOf(held.runId)).flatMap((event) => event["value"] ?? []),
          [1, 2],
        )
      }),
    )

    test(
      "complete with events that the log refuses leaves the run as it was",
      Effect.gen(function* () {
        const leases = yield* Leases
        const held = yield* TestRuns.hold(yield* TestRuns.register())
        const before = yield* TestRuns.getRun(held.runId)
        const end = (event: AgentEvent.LogEvent, expectedSequence: Sequence) =>
          TestRuns.verdictOf(
            leases.complete(
              TestRuns.leaseOf(held),
              { status: "completed" },
              { events: [event], expectedSequence },
            ),
          )
        const good = AgentEvent.custom("n", 1)
        strictEqual(yield* end({ type: "RUN_FINISHED" }, held.latestSequence), "EventRefused")
        strictEqual(yield* end(good, Sequence.make(held.latestSequence + 1)), "CursorMismatch")
        deepStrictEqual(yield* TestRuns.getRun(held.runId), before)
        strictEqual(yield* end(good, held.latestSequence), "Succeeded")
      }),
    )

    test(
      "complete is refused to whoever does not hold the run, and changes nothing of a cancelled one",
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

    test(
      "a cancellation reaches the holder by its next renewal and as a signal",
      Effect.gen(function* () {
        const leases = yield* Leases
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        const held = yield* TestRuns.hold(worker)
        const signals = yield* Queue.unbounded<{ readonly _tag: string; readonly runId: string }>()
        yield* TestRuns.start(
          Stream.runForEach(leases.signals(worker), (signal) => Queue.offer(signals, signal)),
        )
        yield* runs.cancel(held.runId)
        const signal = yield* Queue.take(signals)
        deepStrictEqual([signal._tag, signal.runId], ["Cancelled", held.runId])
        strictEqual((yield* renew(held))._tag, "Cancelled")
        strictEqual((yield* renew(held, null))._tag, "Cancelled")
      }),
    )

    test(
      "a cancellation is nothing to a former holder",
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
  })
}
