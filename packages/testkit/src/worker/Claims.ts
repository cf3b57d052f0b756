/** Tests of claims: answers that are lost, and runs that a worker claims before it has a slot for them. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Executor, type Ids, Runs, type WorkerOptions } from "@runlease/core"
import { Array, Deferred, Effect, Exit, Layer, Queue, Ref, Scope, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  listen,
  log,
  run,
  start,
  submit,
  unavailable,
  until,
  untilStatus,
} from "../TestWorker.js"

/** Claims whose first answer with runs is lost. Records the ids of all claims in `sent`. */
const losing = (sent: Ref.Ref<ReadonlyArray<string | undefined>>) =>
  Layer.effect(
    Claims.Claims,
    Effect.gen(function* () {
      const claims = yield* Claims.Claims
      const lost = yield* Ref.make(false)
      return {
        claim: (request: Claims.ClaimRequest) =>
          Effect.gen(function* () {
            yield* Ref.update(sent, Array.append(request.claimId as string | undefined))
            const claimed = yield* claims.claim(request)
            const arrives = claimed.length === 0 || (yield* Ref.getAndSet(lost, true))
            return arrives ? claimed : yield* unavailable("Claims.claim")
          }),
      }
    }),
  )

export const tests = (test: Declare): void => {
  test.describe("a claim whose answer is lost", () => {
    const sent = Ref.unsafeMake<ReadonlyArray<string | undefined>>([])
    test.onEachStore(
      "is sent again with the same id, and costs no attempt",
      Effect.gen(function* () {
        yield* Ref.set(sent, [])
        const first = yield* submit({ maxAttempts: 1 })
        const second = yield* submit({ maxAttempts: 1 })
        yield* start(Executor.from(() => Effect.void))
        // Each step reads the store, so that time does not run ahead of a store in another process.
        yield* until(
          Effect.zipRight(TestClock.adjust("100 millis"), Effect.zipRight(run(first.runId), Ref.get(sent))),
          ({ length }) => length > 1,
        )
        for (const { runId } of [first, second]) {
          strictEqual((yield* untilStatus(runId, "completed")).attempt, 1)
          deepStrictEqual(
            (yield* log(runId)).map(({ type }) => type),
            ["RUN_STARTED", "RUN_FINISHED"],
          )
        }
        const [lost, repeat] = yield* Ref.get(sent)
        strictEqual(repeat, lost)
      }),
      (layer) => Layer.provideMerge(losing(sent), layer),
    )

    test(
      "is followed by claims with new ids",
      Effect.gen(function* () {
        yield* Ref.set(sent, [])
        yield* start(Executor.from(() => Effect.void))
        for (const _ of Array.range(1, 3)) {
          const { runId } = yield* submit()
          yield* until(
            Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
            ({ status }) => status === "completed",
          )
        }
        const ids = yield* Ref.get(sent)
        // One claim was sent twice.
        strictEqual(new Set(ids).size, ids.length - 1)
        strictEqual(ids.includes(undefined), false)
      }),
      (layer) => Layer.provideMerge(losing(sent), layer),
    )
  })

  test.describe("a claim whose answer arrives when the worker would have to stop", () => {
    const answered = Effect.unsafeMakeLatch(false)
    const granted = Effect.unsafeMakeLatch(false)
    test(
      "starts no executor",
      Effect.gen(function* () {
        yield* answered.close
        yield* granted.close
        const started = yield* Ref.make(0)
        const worker = yield* start(Executor.from(() => Ref.update(started, (count) => count + 1)))
        const events = yield* listen(worker)
        const { runId } = yield* submit({ maxAttempts: 1 })
        yield* granted.await
        yield* TestClock.adjust("29 seconds")
        strictEqual((yield* run(runId)).status, "running")
        yield* answered.open
        const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
        assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Expired")
        strictEqual(yield* Ref.get(started), 0)
      }).pipe(Effect.ensuring(answered.open)),
      Faults.over(Claims.Claims, (claims) => ({
        claim: (request) =>
          Effect.tap(claims.claim(request), (claimed) =>
            claimed.length === 0 ? Effect.void : Effect.zipRight(granted.open, answered.await),
          ),
      })),
    )
  })

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
