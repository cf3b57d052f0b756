/**
 * Tests of sleeps, for which a run is suspended once nothing of it is in flight.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Runs, type Run, Step } from "@runlease/core"
import { DateTime, Deferred, Effect, Ref, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestWorker from "../TestWorker.js"
import { type Declare, run, start, submit, until, untilStatus } from "../TestWorker.js"
import { counting, customs, textsOf } from "./StepRuns.js"

type RunId = Run.Run["runId"]

/** Waits until the run has recorded this many sleeps. */
const untilAsleep = (runId: RunId, count = 1) =>
  until(customs(runId), (names) => names.filter((name) => name === "runlease.sleep").length === count)

/** Waits until the run holds no worker. */
const untilSuspended = (runId: RunId, sleeps = 1) =>
  Effect.zipRight(untilAsleep(runId, sleeps), TestWorker.untilSuspended(runId))

/** Longer than half a lease, and milliseconds. */
const minute = 60_000

export const tests = (test: Declare): void => {
  test.describe("a run that sleeps", () => {
    test.onEachStore(
      "holds no slot and no lease meanwhile, and repeats no step after it",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const attempts = yield* Ref.make<ReadonlyArray<number>>([])
        yield* start(
          Executor.from(({ agentId, attempt }) =>
            Effect.gen(function* () {
              if (agentId === "other") return "done"
              yield* Ref.update(attempts, (all) => [...all, attempt])
              const counted = yield* Step.run("before", next)
              yield* Step.sleep("pause", "1 minute")
              return `${counted} then ${yield* Step.run("after", next)}`
            }),
          ),
          { concurrency: 1 },
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        const { attempt, lease, waiting } = yield* untilSuspended(runId)
        deepStrictEqual([attempt, lease, waiting?.interrupts], [0, null, []])
        const other = yield* submit({ agentId: "other" })
        yield* untilStatus(other.runId, "completed")

        yield* TestClock.adjust(minute - 10_000)
        strictEqual((yield* run(runId)).status, "waiting")
        yield* TestClock.adjust(10_000)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1 then 2"])
        deepStrictEqual([yield* count, yield* Ref.get(attempts)], [2, [1, 1]])
        deepStrictEqual(yield* customs(runId), [
          "runlease.step",
          "runlease.sleep",
          "runlease.waiting",
          "runlease.step",
        ])
      }),
    )

    test(
      "sleeps for the first duration, whatever later code returns",
      Effect.gen(function* () {
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              yield* Step.sleep("pause", attempt === 1 ? "1 minute" : "10 minutes")
              return `attempt ${attempt}`
            }),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["attempt 2"])
      }),
    )

    test(
      "stays in its worker when that is over within half a lease",
      Effect.gen(function* () {
        yield* start(Executor.from(() => Effect.as(Step.sleep("pause", "10 seconds"), "done")))
        const { runId } = yield* submit()
        yield* untilAsleep(runId)
        yield* TestRuns.settle
        yield* TestClock.adjust("9 seconds")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed")
        deepStrictEqual(yield* customs(runId), ["runlease.sleep"])
      }),
    )

    test(
      "is not suspended while a step of it is in flight, and is afterwards",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const gate = yield* Deferred.make<void>()
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.all(
                [
                  Step.sleep("pause", "1 minute"),
                  Step.run("work", Effect.zipRight(next, Deferred.await(gate))),
                ],
                { concurrency: "unbounded" },
              ),
              () => "done",
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilAsleep(runId)
        yield* until(count, (n) => n === 1)
        yield* TestRuns.settle
        yield* TestClock.adjust("1 second")
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(gate, undefined)
        yield* until(customs(runId), (names) => names.includes("runlease.step"))
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        strictEqual(yield* count, 1)
      }),
    )

    test(
      "is suspended in the middle of a step that itself sleeps, whose inner steps are not repeated",
      Effect.gen(function* () {
        const outer = yield* counting
        const inner = yield* counting
        yield* start(
          Executor.from(() =>
            Step.run(
              "outer",
              outer.next.pipe(
                Effect.zipRight(Step.run("inner", inner.next)),
                Effect.zipLeft(Step.sleep("pause", "1 minute")),
                Effect.map(String),
              ),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* outer.count, yield* inner.count], [2, 1])
        deepStrictEqual(yield* textsOf(runId), ["1"])
      }),
    )

    test(
      "resumes behind the first of its sleeps that ends, and is suspended again for the others",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(
                [1, 2],
                (minutes) =>
                  Effect.zipRight(
                    Step.sleep("pause", minutes * minute, { key: minutes }),
                    Step.run("after", next, { key: minutes }),
                  ),
                { concurrency: "unbounded" },
              ),
              (all) => all.join(),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilSuspended(runId, 2)
        yield* TestClock.adjust(minute)
        yield* until(count, (n) => n === 1)
        yield* until(customs(runId), (names) => names.includes("runlease.step"))
        yield* untilSuspended(runId, 2)
        yield* TestClock.adjust(minute)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1,2"])
      }),
    )

    test(
      "is cancelled at once",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        yield* start(Executor.from(() => Effect.as(Step.sleep("pause", "1 minute"), "never")))
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        strictEqual((yield* runs.cancel(runId)).run.status, "cancelled")
        yield* TestClock.adjust(minute)
        strictEqual((yield* run(runId)).status, "cancelled")
      }),
    )

    test(
      "resumes at once when the time it sleeps until has passed, and cannot sleep for ever",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "past"
              ? Effect.as(Step.sleepUntil("pause", DateTime.unsafeMake(0)), "done")
              : Effect.as(Step.sleep("pause", "4000 days"), "never"),
          ),
        )
        const past = yield* submit({ agentId: "past" })
        yield* untilStatus(past.runId, "completed")
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_too_long")
        assertTrue(!(yield* customs(runId)).includes("runlease.sleep"))
      }),
    )
  })
}
