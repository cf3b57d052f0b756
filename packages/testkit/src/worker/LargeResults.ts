/**
 * Tests of results that one event cannot hold.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, RunLog, Step, StepRecord } from "@runlease/core"
import { Effect, Option, Ref } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, start, submit, untilStatus } from "../TestWorker.js"
import { counting, dyingBefore, textsOf } from "./StepRuns.js"

const mebibyte = 1024 * 1024

/** Characters of each size in JSON, in an order that puts each of them at the edge of some part. */
const pattern = 'ab"\\c\n\u0001é€\u{1F600}\ud800x'

const recordsOf = (entries: ReadonlyArray<RunLog.LogEntry>) =>
  entries.flatMap(({ event }) => Option.toArray(StepRecord.fromEvent(event)).map(({ record }) => record))

export const tests = (test: Declare): void => {
  test.describe("a step with a large result", () => {
    test.onEachStore(
      "has it in several records, which a later attempt joins",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const large = pattern.repeat(Math.ceil((2 * mebibyte) / pattern.length))
        const same = yield* Ref.make<ReadonlyArray<boolean>>([])
        yield* dyingBefore(3, () =>
          Effect.gen(function* () {
            const [value] = yield* Effect.all([
              Step.run("large", Effect.as(next, large)),
              Step.run("small", next),
            ])
            yield* Ref.update(same, (all) => [...all, value === large])
          }),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual([yield* count, yield* Ref.get(same)], [2, [true, true, true]])
        const log = yield* RunLog.RunLog
        const records = recordsOf(yield* log.read({ runId, only: "records", limit: 2 }))
        const [first, second] = records
        deepStrictEqual([first?.part, second?.part, first?.name], [1, 2, "large"])
        assertTrue(first?.parts !== undefined && first.parts > 10 && first.record_id === second?.record_id)
      }),
    )

    test(
      "runs again when the worker died between two parts of it, which is no progress",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        const dead = yield* TestRuns.hold(yield* TestRuns.register())
        const step_id = StepRecord.stepIdOf({ within: undefined, name: "large", key: undefined })
        const part = (number: number, result: string) =>
          AgentEvent.custom("runlease.step", {
            step_id,
            record_id: "r",
            name: "large",
            result,
            messages: ["m"],
            part: number,
            parts: 3,
          })
        yield* TestRuns.append(dead, [part(1, "4"), part(2, "2")])
        yield* TestRuns.lapse
        yield* start(
          Executor.from(({ attempt }) =>
            Effect.map(Step.run("large", next), (value) => JSON.stringify([attempt, value])),
          ),
        )
        yield* untilStatus(dead.runId, "completed")
        deepStrictEqual([yield* count, yield* textsOf(dead.runId)], [1, ["[2,1]"]])
      }),
    )

    test(
      "fails when the results of the run are over 8 MiB with it, those of earlier attempts included",
      Effect.gen(function* () {
        const attempts = yield* Ref.make(0)
        const large = "x".repeat(5 * mebibyte)
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const attempt = yield* Ref.updateAndGet(attempts, (n) => n + 1)
              yield* Step.run("first", Effect.succeed(large))
              if (attempt === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
              yield* Step.run("second", Effect.succeed(large))
            }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_too_large", JSON.stringify(error))
      }),
    )
  })
}
