/**
 * Tests of runs that are cancelled while a worker holds them.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Leases, Runs } from "@runlease/core"
import { Deferred, Duration, Effect, Queue, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, listen, log, makeEndless, run, start, submit, until } from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("a cancelled run", () => {
    test.onEachStore(
      "interrupts its executor by a signal, without waiting for a renewal",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        const worker = yield* start(endless.execute)
        const events = yield* listen(worker)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        yield* Queue.take(endless.finalized)
        const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
        assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Cancelled")
        strictEqual((yield* run(runId)).status, "cancelled")
      }),
    )

    test.onEachStore(
      "interrupts its executor at the next renewal when there are no signals",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(endless.execute)
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        strictEqual(yield* Queue.size(endless.finalized), 0)
        yield* TestClock.adjust(Duration.seconds(10))
        yield* Queue.take(endless.finalized)
        deepStrictEqual((yield* log(runId)).at(-1)?.["outcome"], { type: "cancelled" })
      }),
      Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
    )

    test(
      "leaves the worker after the grace when a finalizer hangs",
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const hung = yield* Deferred.make<void>()
        const worker = yield* start(
          () =>
            Stream.execute(Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)).pipe(
              Stream.ensuring(Effect.zipRight(Deferred.succeed(hung, undefined), Effect.never)),
            ),
          { interruptGrace: "5 seconds", concurrency: 1 },
        )
        const { runId } = yield* submit()
        yield* Deferred.await(started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        yield* Deferred.await(hung)
        strictEqual((yield* worker.inFlight).length, 1)
        yield* TestClock.adjust("5 seconds")
        yield* until(worker.inFlight, ({ length }) => length === 0)
      }),
    )
  })

  test.describe("a run that reaches its timeout", () => {
    for (const [how, wait, layer] of [
      ["by a signal", 0, undefined],
      [
        "at the next renewal when there are no signals",
        10,
        Faults.over(Leases.Leases, (leases) => ({ ...leases, signals: () => Stream.never })),
      ],
    ] as const) {
      test(
        `interrupts its executor ${how}`,
        Effect.gen(function* () {
          const endless = yield* makeEndless
          const worker = yield* start(endless.execute)
          const events = yield* listen(worker)
          const { runId } = yield* submit({ timeoutSeconds: 25 })
          yield* Queue.take(endless.started)
          yield* TestClock.adjust(Duration.seconds(24))
          strictEqual(yield* Queue.size(endless.finalized), 0)
          yield* TestRuns.eventually(run(runId), ({ status }) => status === "failed", { step: "500 millis" })
          yield* TestClock.adjust(Duration.seconds(wait))
          yield* Queue.take(endless.finalized)
          const ended = yield* until(Queue.take(events), (event) => event._tag === "LeaseEnded")
          assertTrue(ended._tag === "LeaseEnded" && ended.reason === "Cancelled")
          const { error } = yield* run(runId)
          strictEqual(error?.code, "TIMEOUT")
          strictEqual((yield* log(runId)).at(-1)?.["code"], "TIMEOUT")
        }),
        layer,
      )
    }
  })
}
