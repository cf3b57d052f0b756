/**
 * Tests of the health of a worker: whether it consumes runs.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Executor, Leases, type Worker, WorkerHealth, WorkerRegistry } from "@runlease/core"
import { Effect, Exit, Fiber, Queue, Scope, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, makeEndless, run, start, submit, unavailable } from "../TestWorker.js"

const eventually = (worker: Worker.Worker["Type"], tag: WorkerHealth.WorkerHealth["_tag"]) =>
  TestRuns.eventually(worker.health, ({ _tag }) => _tag === tag)

/** Lets that many seconds pass in small steps, and the worker with them. */
const pass = (seconds: number) =>
  Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), TestRuns.settle), seconds - 1)

export const tests = (test: Declare): void => {
  test.describe("the health of a worker", () => {
    test(
      "is ready while it waits for runs, and while all of its slots are in use",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute, { concurrency: 1 })
        yield* pass(40)
        deepStrictEqual(yield* worker.health, WorkerHealth.Ready())
        yield* submit()
        yield* Queue.take(endless.started)
        yield* pass(40)
        deepStrictEqual(yield* worker.health, WorkerHealth.Ready())
      }),
    )

    let isAway = false
    test(
      "is that of an unanswered claim after 15 seconds and the time that a claim waits, until one is answered",
      Effect.gen(function* () {
        isAway = true
        const worker = yield* start(
          Executor.from(() => Effect.void),
          { claimWait: "10 seconds" },
        )
        yield* pass(25)
        deepStrictEqual(yield* worker.health, WorkerHealth.Ready())
        yield* TestClock.adjust("1 second")
        strictEqual((yield* worker.health)._tag, "ClaimUnanswered")
        isAway = false
        yield* eventually(worker, "Ready")
      }),
      Faults.over(Claims.Claims, (claims) => ({
        claim: (request) =>
          Effect.suspend(() => (isAway ? unavailable("Claims.claim") : claims.claim(request))),
      })),
    )

    test(
      "is that of an unrenewed lease before the lease ends",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute, { leaseDuration: "30 seconds" })
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        yield* pass(19)
        deepStrictEqual(yield* worker.health, WorkerHealth.Ready())
        yield* pass(2)
        deepStrictEqual(yield* worker.health, WorkerHealth.LeaseUnrenewed({ failure: "unplugged" }))
        strictEqual((yield* run(runId)).status, "running")
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, renew: () => unavailable("Leases.renew") })),
    )

    test(
      "is draining while its operator requests it",
      Effect.gen(function* () {
        const registry = yield* WorkerRegistry.WorkerRegistry
        const worker = yield* start(Executor.from(() => Effect.void))
        yield* registry.drain(worker.registered.id, true)
        yield* eventually(worker, "Draining")
        yield* registry.drain(worker.registered.id, false)
        yield* eventually(worker, "Ready")
        yield* pass(40)
        deepStrictEqual(yield* worker.health, WorkerHealth.Ready())
      }),
    )

    test(
      "is draining while it shuts down",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        const worker = yield* start(endless.execute, { drainTimeout: "10 seconds" }).pipe(Scope.extend(scope))
        yield* submit()
        yield* Queue.take(endless.started)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* eventually(worker, "Draining")
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(closing)
      }),
    )
  })
}
