/** What the rounds that renew leases must do, wherever they run. In real time: a thread has no TestClock. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { Deadline } from "@runlease/core/executor/LeaseDeadline"
import * as LeaseRenewal from "@runlease/core/LeaseRenewal"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { Clock, Effect, type Layer, Queue, type Scope } from "effect"
import * as TestRuns from "./TestRuns.js"

/** The first round is after a third of it. */
const leaseDuration = "12 seconds"

const claimMany = Effect.fnUntraced(function* (workerId: Ids.WorkerId, count: number) {
  const claimed: Array<ClaimedRun> = []
  while (claimed.length < count)
    claimed.push(...(yield* TestRuns.claim(workerId, { limit: 100, leaseDuration })))
  return claimed
})

/** A worker with claimed runs, whose leases are renewed. */
const renewing = Effect.fnUntraced(function* (publicIds: ReadonlyArray<string>) {
  const workerId = yield* TestRuns.register()
  yield* Effect.forEach(publicIds, (id) => TestRuns.submit({ publicId: Ids.RunId.make(id) }), {
    concurrency: 4,
  })
  const renewal = yield* LeaseRenewal.make({ workerId, leaseDuration })
  const sentAt = yield* Clock.currentTimeNanos
  const claimed = yield* claimMany(workerId, publicIds.length)
  return yield* Effect.forEach(claimed, (run) =>
    Effect.gen(function* () {
      const ends = yield* Queue.unbounded<LeaseRenewal.RenewalEnd>()
      const counts = yield* Queue.unbounded<number | undefined>()
      const deadlines = yield* Queue.unbounded<Deadline>()
      const lease = renewal.add(run, sentAt, {
        onEnd: (end) => Queue.unsafeOffer(ends, end),
        onMessages: (inbox) => Queue.unsafeOffer(counts, inbox),
      })
      lease.deadline.follow((deadline) => Queue.unsafeOffer(deadlines, deadline))
      return { run, ends, counts, deadlines, remove: Effect.sync(() => renewal.remove(lease)) }
    }),
  )
})

const renewingOne = Effect.map(renewing(["only"]), ([lease]) => lease!)

/**
 * Declares the tests. Each builds the layer anew. The rounds are those of the layer, or those on the event loop if it has none.
 *
 * ```ts
 * RenewalSuite.suite("memory", TestPorts.layer)
 * ```
 */
export const suite = <More>(name: string, layer: Layer.Layer<ProjectPorts | More, unknown>): void => {
  const test = <A, E>(title: string, body: Effect.Effect<A, E, ProjectPorts | Scope.Scope>) =>
    it.scopedLive(title, () => Effect.provide(body, layer))

  describe.concurrent(`Renewal over ${name}`, () => {
    test(
      "moves the deadline of a lease again and again",
      Effect.gen(function* () {
        const { deadlines } = yield* renewingOne
        const [first, second, third] = yield* Effect.all([
          Queue.take(deadlines),
          Queue.take(deadlines),
          Queue.take(deadlines),
        ])
        assertTrue(first.endsAt < second.endsAt && second.endsAt < third.endsAt)
      }),
    )

    test(
      "reports how many messages the run has",
      Effect.gen(function* () {
        const { run, counts } = yield* renewingOne
        const runs = yield* Runs
        yield* runs.tell(run.runId, { parts: [{ type: "text", text: "more" }] })
        strictEqual(yield* Queue.take(counts), 1)
      }),
    )

    test(
      "ends a lease whose run was cancelled, and is silent of one that was removed",
      Effect.gen(function* () {
        const [removed, cancelled] = yield* renewing(["removed", "cancelled"])
        const runs = yield* Runs
        yield* removed!.remove
        yield* runs.cancel(removed!.run.runId)
        yield* runs.cancel(cancelled!.run.runId)
        strictEqual(yield* Queue.take(cancelled!.ends), "Cancelled")
        deepStrictEqual(Array.from(yield* Queue.takeAll(removed!.ends)), [])
      }),
    )

    test(
      "ends a lease that the store gave away",
      Effect.gen(function* () {
        const { ends, run } = yield* renewingOne
        const leases = yield* Leases
        yield* leases.release(TestRuns.leaseOf(run))
        strictEqual(yield* Queue.take(ends), "Lost")
      }),
    )

    test(
      "renews many leases, of runs with any id",
      Effect.gen(function* () {
        const ids = Array.from({ length: 70 }, (_, n) => `${n}${"語".repeat(128 - String(n).length)}`)
        const leases = yield* renewing(ids)
        // The first deadline of each is that of its claim.
        yield* Effect.forEach(leases, ({ deadlines }) => Queue.takeN(deadlines, 2))
        strictEqual(new Set(leases.map(({ run }) => run.runId)).size, 70)
      }),
    )
  })
}
