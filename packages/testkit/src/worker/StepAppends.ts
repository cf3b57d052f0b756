/**
 * Tests of how many appends to the log a step costs.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Emit, Executor, RunLog, Step } from "@runlease/core"
import { Effect } from "effect"
import * as Faults from "../Faults.js"
import { type Declare, start, submit, until, untilStatus } from "../TestWorker.js"
import { customs } from "./StepRuns.js"

export const tests = (test: Declare): void => {
  test.describe("a step", () => {
    let appends = 0
    const countAppends = Faults.over(RunLog.RunLog, (runLog) => ({
      ...runLog,
      append: (request) =>
        Effect.suspend(() => {
          appends += 1
          return runLog.append(request)
        }),
    }))

    test(
      "costs one append, also with events that it emits at once",
      Effect.gen(function* () {
        appends = 0
        const events = ["a", "b"].map((id) => AgentEvent.custom("noted", { id }))
        const noted = Effect.forEach(events, Emit.event, { discard: true })
        yield* start(
          Executor.from(() =>
            Effect.forEach(
              [Effect.void, noted, noted, Effect.void],
              (body, key) => Step.run("note", body, { key }),
              { discard: true },
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        strictEqual((yield* customs(runId)).filter((name) => name === "runlease.step").length, 4)
        strictEqual(appends, 4)
      }),
      countAppends,
    )

    test(
      "costs one append more than its events, where each of these is in the log before the next",
      Effect.gen(function* () {
        appends = 0
        yield* start(
          Executor.from(({ runId }) =>
            Step.run(
              "note",
              Effect.forEach(["first", "second", "third"], (name) =>
                Effect.zipRight(
                  Emit.event(AgentEvent.custom(name, {})),
                  until(customs(runId), (names) => names.includes(name)),
                ),
              ).pipe(Effect.asVoid),
            ),
          ),
          { appendLinger: 0 },
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* customs(runId), ["first", "second", "third", "runlease.step"])
        strictEqual(appends, 4)
      }),
      countAppends,
    )
  })
}
