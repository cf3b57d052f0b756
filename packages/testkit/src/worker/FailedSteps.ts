/**
 * Tests of steps that fail.
 */
import { deepStrictEqual } from "@effect/vitest/utils"
import { Executor, Step } from "@runlease/core"
import { StepCodec } from "@runlease/core/executor"
import { Effect, Schema } from "effect"
import { log, start, submit, type Declare, untilStatus } from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("a step", () => {
    test(
      "that fails says so in the log, with the message of an error and no other value, and one that was interrupted does not",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.all(
              [
                Effect.exit(Step.run("forgotten", Effect.fail(new Error("no network")))),
                Effect.exit(Step.run("recorded", Effect.fail("a value"), { failure: Schema.String })),
                Effect.exit(Step.run("defect", Effect.die(new Error("x".repeat(2000))))),
                Effect.exit(Step.run("too large", Effect.succeed("y".repeat(9 * 1024 * 1024)))),
                Effect.provideService(
                  Effect.exit(Step.run("sealed", Effect.fail("a secret"))),
                  StepCodec.StepCodec,
                  { name: "plain", seal: Effect.succeed, open: Effect.succeed },
                ),
                Effect.exit(Step.run("interrupted", Effect.interrupt)),
                Step.run("done", Effect.succeed(1)),
              ],
              { discard: true },
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        const ends = (yield* log(runId)).flatMap((event) =>
          event.type === "STEP_FINISHED" ? [[event["stepName"], event["error"]]] : [],
        )
        deepStrictEqual(ends, [
          ["forgotten", { message: "no network" }],
          ["recorded", {}],
          ["defect", { message: `${"x".repeat(1000)}…` }],
          [
            "too large",
            {
              message: "With the result of step too large those of the run are over 8 MiB of JSON",
              code: "step_too_large",
            },
          ],
          ["sealed", {}],
          ["interrupted", undefined],
          ["done", undefined],
        ])
      }),
    )
  })
}
