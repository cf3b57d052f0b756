/** What every store must do about limits of concurrency: they bound the runs of a key that work at once. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofKey } from "@runlease/core/Limits"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, Either, type Layer, TestClock } from "effect"
import { onlyRunning } from "./LimitCounting.js"
import * as TestRuns from "./TestRuns.js"

/** A submission of key `key`. */
const submit = (publicId: string, concurrencyLimit: number, input: Partial<SubmissionInput> = {}) =>
  TestRuns.submit({ publicId, concurrencyKey: "key", concurrencyLimit, ...input })

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

const limits = Effect.flatMap(Limits, ({ list }) => Effect.map(list(), ({ items }) => items))

/** Declares the tests of limits. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Limits (${name})`, () => {
    test(
      "a limit bounds the runs of a key that work at once, and the oldest go first",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        for (const id of ["1", "2", "3", "4"]) yield* submit(id, 2)
        yield* TestRuns.submit({ publicId: "other", concurrencyKey: "other", concurrencyLimit: 2 })
        const first = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(first), ["1", "2", "other"])
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestRuns.complete(first[1]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["3"])
        deepStrictEqual(yield* limits, [
          {
            ...ofKey("other"),
            ...onlyRunning(0),
            maxRunning: 2,
            paused: false,
            running: 1,
            open: 0,
            waiting: 0,
          },
          {
            ...ofKey("key"),
            ...onlyRunning(1),
            maxRunning: 2,
            paused: false,
            running: 2,
            open: 0,
            waiting: 1,
          },
        ])
      }),
    )

    test(
      "runs of a key with a limit are in no lane, and say their limit",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.submit({ publicId: "in lane", concurrencyKey: "key" })
        const run = yield* submit("limited", 1)
        deepStrictEqual([run.concurrencyKey, run.concurrencyLimit], ["key", 1])
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["in lane", "limited"])
        yield* TestRuns.complete(claimed[1]!)
        const again = yield* Effect.flatMap(Runs, (runs) => runs.retry(run.runId))
        deepStrictEqual([again.run.concurrencyKey, again.run.concurrencyLimit], ["key", 1])
      }),
    )

    test(
      "a run frees its place when it waits, is released, is cancelled, or its lease lapses",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const leases = yield* Leases
        const runs = yield* Runs
        for (const id of ["1", "2", "3", "4", "5"]) yield* submit(id, 1)
        const waits = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        const released = yield* TestRuns.claimOne(worker)
        yield* leases.release(TestRuns.leaseOf(released), { delay: "1 hour" })
        const cancelled = yield* TestRuns.claimOne(worker)
        yield* runs.cancel(cancelled.runId)
        const lapses = yield* TestRuns.claimOne(worker)
        deepStrictEqual(idsOf([waits, released, cancelled, lapses]), ["1", "2", "3", "4"])
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* runs.resume(waits.runId, TestRuns.resultOf("call", "done"))
        yield* TestClock.adjust("31 seconds")
        // One that was resumed goes before those that were submitted after it.
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "1")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
      }),
    )

    test(
      "the last submission sets the limit of a key: a lower one ends no run, a higher one lets others start",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        for (const id of ["1", "2", "3"]) yield* submit(id, 3)
        const claimed = yield* TestRuns.claim(worker, { limit: 2 })
        yield* submit("4", 1)
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestRuns.complete(claimed[0]!)
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestRuns.complete(claimed[1]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["3"])
        yield* submit("5", 3)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["4", "5"])
      }),
    )

    test(
      "a paused key starts no run, those that work go on, and a resumed one starts as many as it may",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { pause, resume } = yield* Limits
        for (const id of ["1", "2", "3", "4"]) yield* submit(id, 2)
        const first = yield* TestRuns.claimOne(worker)
        const usage = { ...ofKey("key"), ...onlyRunning(3), maxRunning: 2, running: 1, open: 0, waiting: 3 }
        deepStrictEqual(yield* pause(ofKey("key")), { ...usage, paused: true })
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* TestRuns.complete(first)
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        yield* resume(ofKey("key"))
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["2", "3"])
      }),
    )

    test(
      "a key is paused before its first run too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { pause, resume } = yield* Limits
        yield* pause(ofKey("key"))
        yield* submit("1", 1)
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* resume(ofKey("key"))
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "1")
      }),
    )

    test(
      "a place that no worker takes goes to a run of another route",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("dead 1", 1, { implementationKind: "nowhere" })
        yield* submit("dead 2", 1, { implementationKind: "nowhere" })
        yield* submit("live", 1)
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestClock.adjust("7 seconds")
        const live = yield* TestRuns.claimOne(worker, { wait: "30 seconds" })
        strictEqual(live.runId, "live")
        // The run that has lost its place has its turn when its worker comes and there is room.
        const late = yield* TestRuns.register("late", "nowhere")
        deepStrictEqual(yield* TestRuns.claim(late), [])
        yield* TestRuns.complete(live)
        deepStrictEqual(idsOf(yield* TestRuns.claim(late, { limit: 10 })), ["dead 1"])
      }),
    )

    test(
      "a run of a higher priority takes the place of one that no worker has claimed yet",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("works", 3, { priority: -1 })
        yield* TestRuns.claimOne(worker)
        for (const [index, priority] of [1, 0, 0, 2, 1, 1].entries()) {
          yield* submit(`${index + 1} of ${priority}`, 3, { priority })
        }
        const [usage] = yield* limits
        deepStrictEqual([usage?.running, usage?.open, usage?.waiting], [1, 2, 4])
        const first = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(first), ["4 of 2", "1 of 1"])
        // A run that works stays, whatever comes.
        yield* submit("late", 3, { priority: 9 })
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 10 }), [])
        for (const run of first) yield* TestRuns.complete(run)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["late", "5 of 1"])
      }),
    )

    test(
      "a run that was delayed, or waited, takes the place of one of a lower priority too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const leases = yield* Leases
        yield* submit("waits", 1, { priority: 1 })
        const waits = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        yield* submit("delayed", 1, { priority: 2, availableAt: yield* TestRuns.after("2 seconds") })
        yield* submit("low", 1)
        yield* Effect.flatMap(Runs, (runs) => runs.resume(waits.runId, TestRuns.resultOf("call", "done")))
        yield* TestClock.adjust("3 seconds")
        const delayed = yield* TestRuns.claimOne(worker)
        strictEqual(delayed.runId, "delayed")
        yield* TestRuns.complete(delayed)
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "waits")
      }),
    )

    test(
      "a claim that waits gets the next run of a key, and takes none of a key ahead",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* submit("1", 1)
        yield* submit("2", 1)
        deepStrictEqual(yield* TestRuns.claim(worker, { limit: 2, ahead: 2 }), [])
        const first = yield* TestRuns.claimOne(worker)
        const [next] = yield* Effect.all(
          [
            TestRuns.claimOne(worker, { wait: "30 seconds" }),
            Effect.zipRight(Effect.yieldNow(), TestRuns.complete(first)),
          ],
          { concurrency: "unbounded" },
        )
        strictEqual(next.runId, "2")
      }),
    )

    test(
      "a limit needs a key, a worker and no lane",
      Effect.gen(function* () {
        const runs = yield* Runs
        const invalid = "InvalidSubmission"
        const refused = (input: Partial<SubmissionInput>) =>
          Effect.map(
            Effect.either(runs.submit({ agentId: "agent", concurrencyLimit: 2, ...input })),
            (verdict) => Either.isLeft(verdict) && verdict.left._tag,
          )
        deepStrictEqual(
          yield* Effect.all([
            refused({}),
            refused({ concurrencyKey: null }),
            refused({ concurrencyKey: "key", concurrencyLimit: 0 }),
            refused({ concurrencyKey: "key", initialStatus: "running" }),
            refused({ concurrencyKey: "key", multitask: "reject" }),
          ]),
          [invalid, invalid, invalid, invalid, invalid],
        )
        deepStrictEqual(yield* limits, [])
      }),
    )
  })
}
