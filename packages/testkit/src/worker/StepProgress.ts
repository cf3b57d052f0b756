/**
 * Tests of the attempts of a run that records steps.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, type Run, RunLog, Step, StepRecord } from "@runlease/core"
import { Array, Effect, Ref } from "effect"
import * as TestRuns from "../TestRuns.js"
import { log, start, submit, type Declare, untilStatus } from "../TestWorker.js"
import { textsOf } from "./StepRuns.js"

/** The numbers of the later attempts, as the log has them. */
const attempts = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap(({ name, value }) =>
      name === "runlease.attempt" ? [(value as { readonly attempt?: number }).attempt] : [],
    ),
  )

/** A worker whose executor records steps in this many attempts, one in each, and dies in all before `last`. */
const recording = (recorded: number, last: number) =>
  Effect.flatMap(Ref.make(0), (attempts) =>
    start(
      Executor.from(() =>
        Effect.gen(function* () {
          const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
          if (attempt <= recorded) yield* Step.run("work", Effect.void, { key: attempt })
          return attempt < last ? yield* Executor.retryableError("died", "again") : `Attempt ${attempt}`
        }),
      ),
      { retryDelay: () => 0 },
    ),
  )

export const tests = (test: Declare): void => {
  test.describe("an attempt that records a step", () => {
    test(
      "counts as the first, so a run continues for as long as it makes progress",
      Effect.gen(function* () {
        yield* recording(4, 4)
        const { runId } = yield* submit({ maxAttempts: 2 })
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Attempt 4"])
        deepStrictEqual(yield* attempts(runId), [2, 2, 2])
      }),
    )

    test(
      "is followed by as many without one as a run may have, and no more",
      Effect.gen(function* () {
        yield* recording(2, 9)
        const { runId } = yield* submit({ maxAttempts: 3 })
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "died")
        deepStrictEqual(yield* attempts(runId), [2, 2, 3])
      }),
    )

    test(
      "has no second one where the run has one attempt",
      Effect.gen(function* () {
        yield* recording(9, 9)
        const { runId } = yield* submit({ maxAttempts: 1 })
        yield* untilStatus(runId, "failed")
        deepStrictEqual(yield* attempts(runId), [])
      }),
    )
  })

  test.describe("the 10,001st step of a run", () => {
    test(
      "is refused, with those of earlier attempts and of the present one counted",
      Effect.gen(function* () {
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        const records = Array.makeBy(9_999, (key) =>
          AgentEvent.custom("runlease.step", {
            step_id: StepRecord.stepIdOf({ within: undefined, name: "before", key }),
            record_id: String(key),
            name: "before",
            key,
            result: "0",
          }),
        )
        for (const batch of Array.chunksOf(records, RunLog.maxBatch)) yield* TestRuns.append(dead, batch)
        yield* TestRuns.lapse
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              yield* Step.run("before", Effect.succeed(1), { key: 0 })
              yield* Step.run("last", Effect.void)
              yield* Step.run("too many", Effect.void)
            }),
          ),
        )
        const { error } = yield* untilStatus(dead.runId, "failed")
        strictEqual(error?.code, "step_too_many", JSON.stringify(error))
      }),
    )
  })
}
