/**
 * Tests of what a worker still writes while a lease ends, or the worker itself.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Leases, Step } from "@runlease/core"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, listen, run, start, submit, until, untilStatus } from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("a lease", () => {
    test(
      "is not lost where a renewal overtakes the answer to the end of the run",
      Effect.gen(function* () {
        const worker = yield* start(Executor.from(() => Effect.succeed("done")))
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* until(run(runId), ({ status }) => status === "completed")
        yield* TestClock.adjust("10 seconds")
        const end = yield* until(Queue.take(events), ({ _tag }) => _tag === "Ended" || _tag === "LeaseEnded")
        strictEqual(end._tag, "Ended")
      }),
      Faults.over(Leases.Leases, (leases) => {
        const answered = Effect.unsafeMakeLatch(false)
        return {
          ...leases,
          complete: (...request) => Effect.zipLeft(leases.complete(...request), answered.await),
          renew: (request) =>
            Effect.tap(leases.renew(request), (answers) =>
              answers.some(({ _tag }) => _tag === "Lost") ? answered.open : Effect.void,
            ),
        }
      }),
    )
  })

  test.describe("a drain", () => {
    /** A run of two bodies that happen at most once, of which the first has begun when a drain begins. */
    const drained = (until: (finish: Deferred.Deferred<void>) => Effect.Effect<unknown>) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const bodies: Array<string> = []
        const body = (name: string, wait: Effect.Effect<unknown>) =>
          Step.atMostOnce(
            name,
            Effect.zipRight(
              Effect.sync(() => bodies.push(name)),
              Effect.asVoid(wait),
            ),
          )
        const executor = Executor.from(() =>
          Effect.zipRight(
            body("first", Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(finish))),
            body("second", Effect.void),
          ),
        )
        const scope = yield* Scope.make()
        yield* start(executor, { drainTimeout: "10 seconds", interruptGrace: "5 seconds" }).pipe(
          Scope.extend(scope),
        )
        const { runId } = yield* submit()
        yield* Deferred.await(begun)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestRuns.settle
        yield* TestClock.adjust("10 seconds")
        yield* TestRuns.settle
        strictEqual(closing.unsafePoll(), null)
        yield* until(finish)
        yield* Fiber.join(closing)
        strictEqual((yield* run(runId)).status, "pending")
        deepStrictEqual(bodies, ["first"])
        yield* start(executor)
        return { bodies, runId }
      })

    test(
      "lets a body that happens at most once finish within the grace, and begins no other",
      Effect.gen(function* () {
        const { bodies, runId } = yield* drained((finish) => Deferred.succeed(finish, undefined))
        yield* untilStatus(runId, "completed")
        deepStrictEqual(bodies, ["first", "second"])
      }),
    )

    test(
      "interrupts a body that happens at most once after the grace, so that it is uncertain",
      Effect.gen(function* () {
        const { bodies, runId } = yield* drained(() => TestClock.adjust("5 seconds"))
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "step_uncertain")
        deepStrictEqual(bodies, ["first"])
      }),
    )
  })
}
