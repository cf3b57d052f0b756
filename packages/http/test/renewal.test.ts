import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import type { LeaseDeadline } from "@runlease/core/executor"
import * as LeaseRenewal from "@runlease/core/LeaseRenewal"
import * as RenewalRounds from "@runlease/core/RenewalRounds"
import { MemoryControlPlane } from "@runlease/store"
import * as RenewalSuite from "@runlease/testkit/RenewalSuite"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestThreads from "@runlease/testkit/TestThreads"
import { Clock, Effect, Layer, Queue } from "effect"
import { plain } from "./plain.js"
import { client, serve, threaded } from "./serving.js"

const memory = serve(MemoryControlPlane.layer)

RenewalSuite.suite("HTTP, on the event loop", Layer.provide(client, memory))
RenewalSuite.suite("HTTP, on a thread", Layer.provide(threaded, memory))

/** The deadlines of a lease. */
const renewed = Effect.gen(function* () {
  const workerId = yield* TestRuns.register()
  const renewal = yield* LeaseRenewal.make({ workerId, leaseDuration: "12 seconds" })
  yield* TestRuns.submit()
  const sentAt = yield* Clock.currentTimeNanos
  const claimed = yield* TestRuns.claimOne(workerId, { leaseDuration: "12 seconds" })
  const deadlines = yield* Queue.unbounded<LeaseDeadline.Deadline>()
  const lease = renewal.add(claimed, sentAt, { onEnd: () => {} })
  lease.deadline.follow((deadline) => Queue.unsafeOffer(deadlines, deadline))
  return deadlines
})

describe("the renewal thread", () => {
  it.scopedLive("leaves the rounds to the event loop when it ends, and the log says so", () =>
    Effect.gen(function* () {
      const threads = yield* TestThreads.started
      const log = yield* TestThreads.logged
      yield* Effect.gen(function* () {
        const deadlines = yield* renewed
        const thread = yield* Queue.take(threads)
        yield* Effect.promise(() => thread.terminate())
        assertTrue((yield* Queue.take(log.lines)).startsWith("Leases are renewed on the event loop"))
        const [first, second] = yield* Queue.takeN(deadlines, 2)
        assertTrue(first!.endsAt < second!.endsAt)
      }).pipe(Effect.provide(threaded), Effect.provide(log.layer))
    }).pipe(Effect.provide(memory)),
  )

  it.scopedLive("leaves the rounds to the event loop where the server renews leases one by one", () =>
    Effect.gen(function* () {
      const log = yield* TestThreads.logged
      yield* Effect.gen(function* () {
        const deadlines = yield* renewed
        strictEqual(
          yield* Queue.take(log.lines),
          "Leases are renewed on the event loop from now on: the control plane renews leases one by one",
        )
        const [first, second] = yield* Queue.takeN(deadlines, 2)
        assertTrue(first!.endsAt < second!.endsAt)
      }).pipe(Effect.provide(threaded), Effect.provide(log.layer))
    }).pipe(Effect.provide(plain())),
  )

  it.scopedLive("has the newest token of its worker", () =>
    Effect.gen(function* () {
      const deadlines = yield* renewed
      // A server takes the two newest tokens of a worker.
      yield* Effect.replicateEffect(TestRuns.register(), 3)
      const [first, second] = yield* Queue.takeN(deadlines, 2)
      assertTrue(first!.endsAt < second!.endsAt)
    }).pipe(Effect.provide(threaded), Effect.provide(memory)),
  )

  it.scopedLive("ends with its worker", () =>
    Effect.gen(function* () {
      const threads = yield* TestThreads.started
      const thread = yield* Effect.scoped(Effect.zipRight(renewed, Queue.take(threads))).pipe(
        Effect.provide(threaded),
      )
      strictEqual(thread.threadId, -1)
    }).pipe(Effect.provide(memory)),
  )
})

describe("workers without a thread", () => {
  it.effect("have the rounds of the event loop", () =>
    Effect.map(RenewalRounds.RenewalRounds, ({ make }) => strictEqual(make, RenewalRounds.onLoop)),
  )
})
