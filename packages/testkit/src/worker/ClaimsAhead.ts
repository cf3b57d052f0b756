/**
 * Tests of the runs that a worker claims before it has a slot for them.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Executor, type Ids, Runs, type WorkerOptions } from "@runlease/core"
import { Array, Deferred, Effect, Exit, Scope, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, run, start, submit, until, untilStatus } from "../TestWorker.js"

/** A claim that takes runs is under way for this long. */
const roundTrip = "10 millis"

const slow = Faults.over(Claims.Claims, (claims) => ({
  claim: (request) =>
    Effect.zipRight(request.limit === 0 ? Effect.void : Effect.sleep(roundTrip), claims.claim(request)),
}))

/**
 * A worker of two slots whose first runs end at once, and whose later ones end when `finish` is done; and its runs, of which two execute
 * and some wait.
 */
const crowded = (options: WorkerOptions.WorkerOptions = {}) =>
  Effect.gen(function* () {
    const finish = yield* Deferred.make<void>()
    const started: Array<Ids.RunId> = []
    const submitted = yield* Effect.all(
      Array.makeBy(12, (index) => submit({ publicId: `run ${index}`, maxAttempts: 1 })),
    )
    const worker = yield* start(
      Executor.from(({ runId }) => {
        started.push(runId)
        return started.length <= 4 ? Effect.void : Deferred.await(finish)
      }),
      { concurrency: 2, claimWait: 0, ...options },
    )
    yield* until(
      Effect.zipRight(
        TestClock.adjust(roundTrip),
        Effect.sync(() => started),
      ),
      ({ length }) => length >= 6,
    )
    // The claim that was under way is answered, and no further one is sent.
    for (const _ of Array.range(1, 5)) {
      yield* TestClock.adjust(roundTrip)
      yield* TestRuns.settle
    }
    const inFlight = (yield* worker.inFlight).map(({ runId }) => runId)
    return {
      worker,
      finish,
      started,
      submitted,
      inFlight,
      waiting: inFlight.filter((id) => !started.includes(id)),
    }
  })

export const tests = (test: Declare): void => {
  test.describe("runs claimed ahead", () => {
    test(
      "wait for a slot under a lease that is renewed, and start without another claim",
      Effect.gen(function* () {
        const { finish, inFlight, started, submitted, waiting } = yield* crowded()
        assertTrue(waiting.length > 0)
        strictEqual(started.length, 6)
        strictEqual(inFlight.length, 2 + waiting.length)
        for (const runId of inFlight) strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(finish, undefined)
        yield* until(
          Effect.sync(() => started),
          (all) => waiting.every((runId) => all.includes(runId)),
        )
        for (const { runId } of submitted) {
          yield* until(
            Effect.zipRight(TestClock.adjust(roundTrip), run(runId)),
            ({ status }) => status === "completed",
          )
          strictEqual(started.filter((id) => id === runId).length, 1)
        }
      }),
      slow,
    )

    test.onEachStore(
      "go back after a second, and cost no attempt",
      Effect.gen(function* () {
        const { finish, started, waiting } = yield* crowded()
        assertTrue(waiting.length > 0)
        for (const runId of waiting) {
          const back = yield* until(
            Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
            ({ status }) => status === "pending",
          )
          strictEqual(back.attempt, 0)
        }
        strictEqual(started.length, 6)
        yield* Deferred.succeed(finish, undefined)
        for (const runId of waiting) {
          yield* until(
            Effect.zipRight(TestClock.adjust(roundTrip), run(runId)),
            ({ status }) => status === "completed",
          )
        }
      }),
      slow,
    )

    test(
      "are handed back at once by a drain",
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { finish, waiting } = yield* Scope.extend(crowded({ drainTimeout: "1 hour" }), scope)
        assertTrue(waiting.length > 0)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        for (const runId of waiting) yield* untilStatus(runId, "pending")
        yield* Deferred.succeed(finish, undefined)
        yield* closing.await
      }),
      slow,
    )

    test(
      "do not start when they are cancelled",
      Effect.gen(function* () {
        const { finish, started, waiting, worker } = yield* crowded()
        const first = waiting[0]!
        yield* Effect.flatMap(Runs.Runs, (runs) => runs.cancel(first))
        yield* until(worker.inFlight, (runs) => runs.every(({ runId }) => runId !== first))
        yield* Deferred.succeed(finish, undefined)
        yield* until(
          Effect.sync(() => started),
          (all) => waiting.slice(1).every((runId) => all.includes(runId)),
        )
        assertTrue(!started.includes(first))
      }),
      slow,
    )

    test(
      "are none where the worker takes none",
      Effect.gen(function* () {
        const { waiting } = yield* crowded({ claimAhead: 0 })
        deepStrictEqual(waiting, [])
      }),
      slow,
    )
  })
}
