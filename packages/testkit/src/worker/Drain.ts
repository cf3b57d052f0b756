/**
 * Tests of a worker that is observed, and of its drain.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Executor, Leases, Worker } from "@runlease/core"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  lease,
  until,
  run,
  untilStatus,
  submit,
  start,
  makeEndless,
  unavailable,
  withoutAnswers,
} from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("a worker that is observed", () => {
    test(
      "has a stream of its runs, now and after each change",
      Effect.gen(function* () {
        const finish = yield* Deferred.make<void>()
        const worker = yield* start(Executor.from(() => Deferred.await(finish)))
        const counts = yield* Queue.unbounded<number>()
        yield* Worker.inFlight.pipe(
          Stream.runForEach((runs) => Queue.offer(counts, runs.length)),
          Effect.provideService(Worker.Worker, worker),
          Effect.forkScoped,
        )
        strictEqual(yield* Queue.take(counts), 0)
        const { runId } = yield* submit()
        yield* until(Queue.take(counts), (count) => count === 1)
        yield* Deferred.succeed(finish, undefined)
        yield* until(Queue.take(counts), (count) => count === 0)
        strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
      }),
    )
  })

  test.describe("a drain", () => {
    test(
      "lets runs finish in time, and claims no more",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        yield* start(
          Executor.from(() => Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(finish))),
          { concurrency: 2, drainTimeout: "10 seconds" },
        ).pipe(Scope.extend(scope))
        const first = yield* submit()
        yield* Deferred.await(started)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow()
        const second = yield* submit()
        yield* TestClock.adjust("3 seconds")
        strictEqual(closing.unsafePoll(), null)
        yield* Deferred.succeed(finish, undefined)
        yield* Fiber.join(closing)
        strictEqual((yield* run(first.runId)).status, "completed")
        strictEqual((yield* run(second.runId)).status, "pending")
      }),
    )

    test(
      "starts when the fiber that runs the worker is interrupted, as by a signal to the process",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const running = yield* Worker.run({ leaseDuration: lease, drainTimeout: "10 seconds" }).pipe(
          Effect.provide(Executor.layerWith(endless.execute)),
          Effect.fork,
        )
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const interrupting = yield* Effect.fork(Fiber.interrupt(running))
        yield* TestRuns.settle
        strictEqual(yield* Queue.size(endless.finalized), 0)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(interrupting)
        strictEqual(yield* Queue.size(endless.finalized), 1)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
      }),
    )

    test.onEachStore(
      "hands back at once the runs that do not finish, with their attempts not counted",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        const worker = yield* start(endless.execute, { drainTimeout: "10 seconds" }).pipe(Scope.extend(scope))
        const events = yield* Effect.fork(Stream.runCollect(worker.events))
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow()
        yield* TestClock.adjust("9 seconds")
        strictEqual((yield* run(runId)).status, "running")
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        deepStrictEqual(Array.from(yield* Fiber.join(events), (event) => event._tag).slice(-2), [
          "Draining",
          "Released",
        ])
        strictEqual(yield* Queue.size(endless.finalized), 1)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
        yield* start(Executor.from(() => Effect.succeed("done")))
        strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
      }),
    )

    test(
      "ends when the control plane does not answer the write of an outcome",
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const executed = yield* Deferred.make<void>()
        const worker = yield* start(
          Executor.from(() => Deferred.succeed(executed, undefined).pipe(Effect.asVoid)),
          {
            drainTimeout: "10 seconds",
            interruptGrace: "5 seconds",
          },
        ).pipe(Scope.extend(scope))
        const events = yield* Effect.fork(Stream.runCollect(worker.events))
        const { runId } = yield* submit()
        yield* Deferred.await(executed)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        strictEqual(closing.unsafePoll(), null)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        const last = Array.from(yield* Fiber.join(events)).at(-1)
        strictEqual(last?._tag === "LeaseEnded" && last.reason, "Drained")
        strictEqual((yield* run(runId)).status, "running")
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, complete: () => Effect.never })),
    )

    test(
      "ends when an executor ignores its interruption, and hands its run back",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        const stubborn = Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(finish))
        yield* Effect.gen(function* () {
          yield* start(() => Stream.execute(Effect.uninterruptible(stubborn)), {
            drainTimeout: "10 seconds",
            interruptGrace: "5 seconds",
          }).pipe(Scope.extend(scope))
          const { runId } = yield* submit()
          yield* Deferred.await(started)
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* TestRuns.settle
          yield* TestClock.adjust("10 seconds")
          yield* TestRuns.settle
          strictEqual(closing.unsafePoll(), null)
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(closing)
          const back = yield* run(runId)
          strictEqual(back.status, "pending")
          strictEqual(back.attempt, 0)
        }).pipe(Effect.ensuring(Deferred.succeed(finish, undefined)))
      }),
    )

    test.onEachStore(
      "hands back the runs of a claim whose answer is still on its way",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        yield* start(endless.execute).pipe(Scope.extend(scope))
        const first = yield* submit()
        const second = yield* submit()
        yield* untilStatus(first.runId, "running")
        yield* Scope.close(scope, Exit.void)
        for (const { runId } of [first, second]) {
          const back = yield* run(runId)
          strictEqual(back.status, "pending")
          strictEqual(back.attempt, 0)
        }
        strictEqual(yield* Queue.size(endless.started), 0)
      }),
      withoutAnswers,
    )

    test(
      "hands back the runs of a claim whose answer was lost",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const scope = yield* Scope.make()
        yield* start(endless.execute).pipe(Scope.extend(scope))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "running")
        yield* Scope.close(scope, Exit.void)
        const back = yield* run(runId)
        strictEqual(back.status, "pending")
        strictEqual(back.attempt, 0)
      }),
      Faults.over(Claims.Claims, (claims) => ({
        claim: (request) =>
          Effect.filterOrFail(
            claims.claim(request),
            (runs) => runs.length === 0 || request.limit === 0,
            () => unavailable("Claims.claim"),
          ),
      })),
    )

    const written = Effect.unsafeMakeLatch(false)
    test(
      "ends when the write of an outcome ignores its interruption",
      Effect.gen(function* () {
        yield* written.close
        const executed = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        yield* start(
          Executor.from(() => Effect.asVoid(Deferred.succeed(executed, undefined))),
          { drainTimeout: "10 seconds", interruptGrace: "5 seconds" },
        ).pipe(Scope.extend(scope))
        const { runId } = yield* submit()
        yield* Deferred.await(executed)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("11 seconds")
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        strictEqual((yield* run(runId)).status, "running")
      }).pipe(Effect.ensuring(written.open)),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        complete: (...ended) =>
          Effect.zipRight(Effect.uninterruptible(written.await), leases.complete(...ended)),
      })),
    )
  })
}
