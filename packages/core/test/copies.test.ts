/** A module that a worker loads may have its own copy of these packages, so an error is known by what it is, not by its class. */
import { describe, expect, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import { Effect, Fiber, TestClock } from "effect"
import * as ExecutorOutput from "../src/executor/ExecutorOutput.js"
import * as StepError from "../src/executor/StepError.js"
import * as Unavailable from "../src/ports/ControlPlaneUnavailable.js"

/** Another copy of a module: the query makes it one. */
const copyOf = <A>(_module: A, path: string): Promise<A> => import(`${path}?copy`) as Promise<A>

const unavailable = await copyOf(Unavailable, "../src/ports/ControlPlaneUnavailable.js")
const stepError = await copyOf(StepError, "../src/executor/StepError.js")

describe("an error of another copy of the module", () => {
  it.effect("is tried again where the control plane is away", () =>
    Effect.gen(function* () {
      let calls = 0
      const call = Effect.suspend(() => {
        calls += 1
        if (calls === 3) return Effect.succeed("there")
        return new unavailable.ControlPlaneUnavailable({
          operation: "test",
          message: "away",
          retryAfterMillis: calls === 1 ? 60_000 : undefined,
        })
      })
      const fiber = yield* Effect.fork(Unavailable.retryUnavailable(call))
      yield* TestClock.adjust("59 seconds")
      strictEqual(calls, 1)
      yield* TestClock.adjust("10 seconds")
      strictEqual(yield* Fiber.join(fiber), "there")
    }),
  )

  it("has its code, and is retryable, where it ends a run", () => {
    const error = new stepError.StepError({ step: "children", reason: "unavailable", message: "away" })
    expect(error instanceof StepError.StepError).toBe(false)
    expect(ExecutorOutput.toFailure(error)).toMatchObject({
      _tag: "ExecutorError",
      code: "step_unavailable",
      retryable: true,
    })
  })
})
