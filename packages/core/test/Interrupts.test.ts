import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, Effect, Stream } from "effect"
import * as Executor from "../src/executor/Executor.js"
import * as Interrupts from "../src/executor/Interrupts.js"
import type { ClaimedRun } from "../src/model/Run.js"
import { claimed } from "./claimed.js"

const asking = Executor.from((run) =>
  Effect.map(Interrupts.ask(run, { id: "q", message: "Well?" }), ({ payload }) => String(payload)),
)

const collect = (run: ClaimedRun) =>
  Effect.map(Stream.runCollect(Executor.toStream(asking)(run)), Chunk.toReadonlyArray)

describe("a question without a worker", () => {
  it.effect("fails with what it waits for, since nothing can suspend the run", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(collect(claimed()))
      strictEqual(failure._tag, "AwaitAnswers")
      deepStrictEqual(failure._tag === "AwaitAnswers" && failure.interrupts, [
        { id: "q", reason: "input_required", message: "Well?" },
      ])
    }),
  )

  it.effect("has its answer where the run brings one", () =>
    Effect.gen(function* () {
      const { snapshot } = claimed()
      const resume = [{ interruptId: "q", status: "resolved", payload: "yes" }] as const
      const events = yield* collect(claimed({ snapshot: { ...snapshot, resume } }))
      strictEqual(events[1]?.["delta"], "yes")
    }),
  )
})
