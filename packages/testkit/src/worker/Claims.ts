/**
 * Tests of claims whose answers are lost.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, Executor } from "@runlease/core"
import { Array, Effect, Layer, Queue, Ref, TestClock } from "effect"
import * as Faults from "../Faults.js"
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
}
