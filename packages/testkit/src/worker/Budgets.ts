/**
 * Tests of executors in trees with a budget.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Budget, Child, Executor, type Run, Runs, Step } from "@runlease/core"
import { Effect } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, run, start, submit } from "../TestWorker.js"
import { counting, textsOf } from "./StepRuns.js"

const Working = Agent.make({ name: "child" })

const untilAsking = (runId: Run.Run["runId"]) =>
  TestRuns.eventually(run(runId), ({ waiting }) => waiting?.interrupts[0]?.reason === "budget", {
    step: "10 millis",
    within: "5 seconds",
  })

const untilCompleted = (runId: Run.Run["runId"]) =>
  TestRuns.eventually(run(runId), ({ status }) => status === "completed", { step: "100 millis" })

const raise = (runId: Run.Run["runId"], payload: unknown) =>
  Effect.flatMap(Effect.all([Runs.Runs, run(runId)]), ([runs, { waiting }]) =>
    runs.resume(runId, [{ interruptId: waiting!.interrupts[0]!.id, status: "resolved", payload }]),
  )

export const tests = (test: Declare): void => {
  test.describe("a tree with a budget", () => {
    /** Whether the next look at a run takes long. */
    let isSlow = false

    test.onEachStore(
      "stops at its limit, asks, and continues when that is raised, with nothing done twice",
      Effect.gen(function* () {
        const { count, next } = yield* counting
        /** Three answers of 40 tokens. */
        const answers = Effect.forEach([1, 2, 3], (key) =>
          Effect.gen(function* () {
            yield* Budget.check
            return yield* Step.run(
              "answer",
              Effect.zipLeft(next, Budget.spend({ inputTokens: 30, outputTokens: 10 })),
              { key },
            )
          }),
        )
        yield* start(
          Executor.from(({ agentId }) =>
            Effect.gen(function* () {
              if (agentId === "child") return JSON.stringify(yield* answers)
              yield* Child.join(yield* Child.spawn("child", Working, "go"))
              return "joined"
            }),
          ),
          { concurrency: 2 },
        )
        const { runId } = yield* submit({ budget: { tokens: 80 } })
        const { budget } = yield* untilAsking(runId)
        deepStrictEqual([budget?.spent.tokens, yield* count], [80, 2])
        yield* raise(runId, { tokens: 1_000 })
        yield* untilCompleted(runId)
        deepStrictEqual([yield* textsOf(runId), yield* count], [["joined"], 3])
      }),
    )

    test(
      "is looked at before the run is suspended for something else",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.raceFirst(
              Effect.suspend(() => {
                isSlow = true
                return Effect.as(Budget.check, "checked")
              }),
              Effect.as(Step.sleep("pause", "1 hour"), "late"),
            ),
          ),
        )
        const { runId } = yield* submit({ budget: { tokens: 80 } })
        yield* untilCompleted(runId)
        deepStrictEqual(yield* textsOf(runId), ["checked"])
      }),
      Faults.over(Runs.Runs, (runs) => ({
        ...runs,
        get: (runId) => {
          const slow = isSlow
          isSlow = false
          return slow ? Effect.delay(runs.get(runId), "200 millis") : runs.get(runId)
        },
      })),
    )

    test(
      "spawns no more than it may",
      Effect.gen(function* () {
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "child"
              ? Effect.succeed("done")
              : Effect.gen(function* () {
                  for (const key of [1, 2]) yield* Child.spawn("child", Working, "go", { key })
                  return "spawned"
                }),
          ),
        )
        const { runId } = yield* submit({ budget: { runs: 2 } })
        const { budget } = yield* untilAsking(runId)
        strictEqual(budget?.spent.runs, 2)
        yield* raise(runId, { runs: 3 })
        yield* untilCompleted(runId)
        strictEqual((yield* run(runId)).budget?.spent.runs, 3)
      }),
    )
  })
}
