/** Summaries suite: who holds runs, what needs somebody, the claims of a run, and the leases that lapsed. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { DateTime, type Duration, Effect, TestClock } from "effect"
import * as Trial from "@runlease/core/Trial"
import * as TestRuns from "../TestRuns.js"
import { endOf, submit, summary } from "./Listed.js"

const hold = (worker: Ids.WorkerId, title: string, leaseDuration: Duration.DurationInput) =>
  Effect.zipRight(submit(title), TestRuns.claimOne(worker, { leaseDuration }))

const titlesOf = (worker: Ids.WorkerId) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.held(worker), (runs) => runs.map(({ title }) => title)),
  )

const waits = (limit?: number) =>
  Effect.flatMap(Summaries, (summaries) =>
    Effect.map(summaries.attention({ limit }), ({ waits: runs }) => runs.map(({ title }) => title)),
  )

const oldest = Effect.flatMap(Summaries, (summaries) =>
  Effect.map(summaries.attention(), ({ oldestPending }) => oldestPending?.title),
)

export const tests = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "the runs that a worker holds are listed, those first whose lease ends first",
    Effect.gen(function* () {
      const leases = yield* Leases
      const one = yield* TestRuns.register("one")
      const two = yield* TestRuns.register("two")
      yield* hold(one, "long", "2 minutes")
      yield* hold(one, "short", "10 seconds")
      const middle = yield* hold(one, "middle", "1 minute")
      yield* hold(two, "other", "1 minute")
      deepStrictEqual(yield* titlesOf(one), ["short", "middle", "long"])
      deepStrictEqual(yield* titlesOf(two), ["other"])
      deepStrictEqual(yield* titlesOf(Ids.WorkerId.make("00000000-0000-7000-8000-000000000000")), [])
      yield* leases.release(TestRuns.leaseOf(middle), { delay: "1 hour" })
      yield* TestClock.adjust("10 seconds")
      deepStrictEqual(yield* titlesOf(one), ["long"])
    }),
  )

  test(
    "workers are listed with the ends and the renewals of their leases",
    Effect.gen(function* () {
      const registry = yield* WorkerRegistry
      const summaries = yield* Summaries
      const leases = yield* Leases
      const busy = yield* TestRuns.register("busy")
      const idle = yield* TestRuns.register("idle")
      const claimed = yield* hold(busy, "long", "2 minutes")
      yield* TestClock.adjust("5 seconds")
      yield* hold(busy, "short", "30 seconds")
      yield* registry.heartbeat(idle)
      yield* TestClock.adjust("5 seconds")
      yield* registry.heartbeat(busy)
      const lease = TestRuns.leaseOf(claimed)
      yield* leases.renew({ workerId: busy, leases: [lease], leaseDuration: "2 minutes" })
      const { items, next } = yield* summaries.workers()
      strictEqual(next, null)
      deepStrictEqual(
        items.map(({ worker }) => worker),
        (yield* registry.list()).items,
      )
      deepStrictEqual(
        items.map(({ lost, nextExpiry, renewedAt, worker }) => [
          worker.id,
          nextExpiry,
          renewedAt,
          lost,
          worker.inFlight,
        ]),
        [
          [busy, DateTime.unsafeMake(35_000), DateTime.unsafeMake(10_000), 0, 2],
          [idle, null, null, 0, 0],
        ],
      )
      const first = yield* summaries.workers({ limit: 1 })
      const second = yield* summaries.workers({ limit: 1, cursor: first.next! })
      deepStrictEqual(
        [...first.items, ...second.items].map(({ worker }) => worker.id),
        [busy, idle],
      )
      strictEqual(yield* TestRuns.verdictOf(summaries.workers({ cursor: "none" })), "InvalidCursor")
    }),
  )

  test(
    "the runs that wait for answers are listed, those first that fail first without one",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const suspendFor = (title: string, expiresAfter?: Duration.DurationInput) =>
        Effect.gen(function* () {
          const claimed = yield* hold(worker, title, "1 minute")
          yield* leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall("call", "ask", expiresAfter))
          return claimed
        })
      yield* suspendFor("for ever")
      yield* suspendFor("later", "2 hours")
      const sooner = yield* suspendFor("sooner", "1 hour")
      yield* suspendFor("for ever too")
      yield* submit("in a trial", { labels: Trial.labelsOf("short", "a") })
      const tried = yield* TestRuns.claimOne(worker)
      yield* leases.suspend(TestRuns.leaseOf(tried), TestRuns.forToolCall("call", "ask"))
      const sleeper = yield* hold(worker, "sleeps", "1 minute")
      yield* leases.suspend(TestRuns.leaseOf(sleeper), { wakeAfter: "1 second" })
      deepStrictEqual(yield* waits(), ["sooner", "later", "for ever", "for ever too"])
      deepStrictEqual(yield* waits(3), ["sooner", "later", "for ever"])
      deepStrictEqual(yield* waits(0), ["sooner"])
      yield* runs.resume(sooner.runId, TestRuns.resultOf("call", 1))
      deepStrictEqual(yield* waits(), ["later", "for ever", "for ever too"])
    }),
  )

  test(
    "the oldest run that a worker may claim is found, behind those that none may",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      strictEqual(yield* oldest, undefined)
      const first = yield* submit("first", { concurrencyKey: "lane" })
      yield* TestRuns.claimOne(worker)
      yield* submit("behind", { concurrencyKey: "lane" })
      yield* submit("delayed", { availableAt: DateTime.unsafeMake(60_000) })
      strictEqual(yield* oldest, undefined)
      yield* submit("second")
      yield* submit("urgent", { priority: 10 })
      strictEqual(yield* oldest, "second")
      yield* runs.cancel(first.runId)
      strictEqual(yield* oldest, "behind")
    }),
  )

  test(
    "a claim says who holds the run and how the lease was renewed, and later how it ended",
    Effect.gen(function* () {
      const registry = yield* WorkerRegistry
      const worker = yield* registry.register({
        implementationKind: "test",
        workerKey: "key",
        displayName: "The worker",
      })
      yield* TestRuns.submit()
      const claimed = yield* TestRuns.claimOne(worker.id)
      yield* TestClock.adjust("4 seconds")
      yield* renew(claimed)
      yield* TestClock.adjust("9 seconds")
      yield* renew(claimed)
      yield* TestClock.adjust("2 seconds")
      const open = {
        epoch: claimed.leaseEpoch!,
        attempt: 1,
        workerId: worker.id,
        workerName: "The worker",
        claimedAt: at(0),
        renewals: 2,
        renewedAt: at(13),
        longestGap: 9000,
        expiresAt: at(43),
        endedAt: null,
        ended: null,
      }
      deepStrictEqual(yield* claimsOf(claimed), [open])
      const leases = yield* Leases
      yield* leases.release(TestRuns.leaseOf(claimed))
      const released = { ...open, endedAt: at(15), ended: "released" as const }
      deepStrictEqual(yield* claimsOf(claimed), [released])

      const again = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
      yield* TestRuns.complete(again)
      deepStrictEqual(yield* claimsOf(claimed), [
        released,
        {
          epoch: again.leaseEpoch!,
          attempt: 1,
          workerId: TestRuns.leaseOf(again).workerId,
          workerName: "other",
          claimedAt: at(15),
          renewals: 0,
          renewedAt: at(15),
          longestGap: 0,
          expiresAt: at(45),
          endedAt: at(15),
          ended: "completed",
        },
      ])
    }),
  )

  test(
    "every end of a claim has its name",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const next = Effect.map(TestRuns.claimOne(worker), TestRuns.leaseOf)
      yield* TestRuns.submit()
      const first = yield* TestRuns.claimOne(worker)
      yield* leases.release(TestRuns.leaseOf(first), { countAttempt: true })
      yield* leases.suspend(yield* next, TestRuns.forToolCall())
      yield* runs.resume(first.runId, TestRuns.resultOf("call", 1))
      yield* leases.suspend(yield* next, { wakeAfter: "1 second" })
      yield* TestClock.adjust("1 second")
      yield* lose(worker, 1)
      yield* next
      yield* runs.cancel(first.runId)
      deepStrictEqual((yield* claimsOf(first)).map(endOf), [
        [1, 1, "retry"],
        [2, 2, "suspended"],
        [3, 1, "waiting"],
        [4, 1, "lease_expired"],
        [5, 2, "cancelled"],
      ])
      const failed = yield* TestRuns.hold(worker)
      yield* runs.complete(failed.runId, { status: "failed" }, TestRuns.leaseOf(failed))
      deepStrictEqual((yield* claimsOf(failed)).map(endOf), [[1, 1, "failed"]])
    }),
  )

  test(
    "a run without attempts left has lost its last lease, or its worker has handed it back",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const lapsed = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      yield* TestRuns.lapse
      yield* TestRuns.untilFailed(lapsed.runId)
      deepStrictEqual((yield* claimsOf(lapsed)).map(endOf), [[1, 1, "lease_expired"]])
      const returned = yield* TestRuns.hold(worker, { maxAttempts: 1 })
      yield* leases.release(TestRuns.leaseOf(returned), { countAttempt: true })
      deepStrictEqual((yield* claimsOf(returned)).map(endOf), [[1, 1, "failed"]])
      deepStrictEqual(
        (yield* lost()).map(({ exhausted, next, runId }) => [runId, next, exhausted]),
        [[lapsed.runId, null, true]],
      )
    }),
  )

  test(
    "of more than 50 claims, the newest are shown",
    Effect.gen(function* () {
      const leases = yield* Leases
      const worker = yield* TestRuns.register()
      const { runId } = yield* TestRuns.submit()
      const release = Effect.flatMap(TestRuns.claimOne(worker), (claimed) =>
        leases.release(TestRuns.leaseOf(claimed)),
      )
      yield* Effect.repeatN(release, 51)
      const epochs = Effect.map(summary(runId), ({ claims }) => claims.map(({ epoch }) => epoch))
      const newest = (last: number) => Array.from({ length: 50 }, (_, index) => last - 49 + index)
      deepStrictEqual(yield* epochs, newest(52))
      yield* TestRuns.claimOne(worker)
      deepStrictEqual(yield* epochs, newest(53))
    }),
  )

  test(
    "leases that lapsed are listed with the claims that followed, the latest first, and counted for their workers",
    Effect.gen(function* () {
      const summaries = yield* Summaries
      const worker = yield* TestRuns.register("loser")
      const other = yield* TestRuns.register("other")
      yield* submit("Twice", { maxAttempts: 3 })
      yield* lose(worker, 2)
      const third = yield* TestRuns.claimOne(other)
      yield* submit("Once")
      yield* lose(worker, 1)
      // The third lease has lapsed too, and no worker has claimed either run since.
      yield* TestRuns.untilFailed(third.runId)
      const described = Effect.map(lost(), (all) =>
        all
          .map(
            ({ agentId, claim, exhausted, maxAttempts, next, title }) =>
              `${agentId} ${title} ${claim.epoch}/${maxAttempts} ${claim.workerName} ${claim.ended} then ${next?.epoch} ${next?.workerName} ${next?.ended} ${exhausted}`,
          )
          // Two of them lapsed at once.
          .toSorted(),
      )
      deepStrictEqual(yield* described, [
        "agent Once 1/3 loser lease_expired then undefined undefined undefined false",
        "agent Twice 1/3 loser lease_expired then 2 loser lease_expired false",
        "agent Twice 2/3 loser lease_expired then 3 other lease_expired false",
        "agent Twice 3/3 other lease_expired then undefined undefined undefined true",
      ])
      const ends = (yield* lost()).map(({ claim }) => DateTime.toEpochMillis(claim.endedAt!))
      deepStrictEqual(
        ends,
        ends.toSorted((a, b) => b - a),
      )

      const counts = Effect.map(summaries.workers(), ({ items }) =>
        items.map(({ lost: count, worker: { workerKey } }) => `${workerKey} ${count}`).toSorted(),
      )
      deepStrictEqual(yield* counts, ["loser 3", "other 1"])
      yield* TestClock.adjust("50 seconds")
      strictEqual((yield* lost("1 minute")).length, 2)
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* lost("1 minute"), [])
    }),
  )

  test(
    "runs that are pruned are in no list, and the leases that they lost are neither",
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const summaries = yield* Summaries
      const worker = yield* TestRuns.register()
      const { projectId, runId } = yield* TestRuns.submit({ maxAttempts: 2 })
      yield* lose(worker, 2)
      yield* TestRuns.untilFailed(runId)
      strictEqual((yield* lost()).length, 2)
      yield* controlPlane.prune({ projectId, olderThan: 0 })
      deepStrictEqual(yield* lost(), [])
      deepStrictEqual((yield* summaries.runs()).items, [])
      strictEqual((yield* summaries.workers()).items[0]?.lost, 0)
      strictEqual(yield* TestRuns.verdictOf(summary(runId)), "RunNotFound")
    }),
  )
}

const at = (seconds: number) => DateTime.unsafeMake(seconds * 1000)

const renew = (claimed: ClaimedRun) =>
  Effect.flatMap(Leases, (leases) => {
    const lease = TestRuns.leaseOf(claimed)
    return leases.renew({
      workerId: lease.workerId,
      leases: [lease],
      leaseDuration: TestRuns.leaseDuration,
    })
  })

const claimsOf = (claimed: ClaimedRun) => Effect.map(summary(claimed.runId), ({ claims }) => claims)

const lost = (within: "1 minute" | "1 day" = "1 day") =>
  Effect.flatMap(Summaries, (summaries) => summaries.lost(within))

/** Lets the lease of the run's next claim lapse, so often. */
const lose = (worker: Parameters<typeof TestRuns.claimOne>[0], times: number) =>
  Effect.repeatN(Effect.zipRight(TestRuns.claimOne(worker), TestRuns.lapse), times - 1)
