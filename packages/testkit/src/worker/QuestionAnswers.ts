/**
 * Tests of what a question shows, and of what its answer may be.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Interrupts, Runs } from "@runlease/core"
import { Effect, Schema } from "effect"
import { type Declare, log, start, submit, untilStatus } from "../TestWorker.js"
import { answered, resolved, untilWaitsFor } from "./Asking.js"
import { textsOf } from "./StepRuns.js"

export const tests = (test: Declare): void => {
  test.describe("a question with a name", () => {
    test(
      "distinguishes questions of one name by their keys",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach([1, 2], (key) => Interrupts.ask("page", { message: `Page ${key}?`, key }), {
                concurrency: "unbounded",
              }),
              (answers) => answers.join(),
            ),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "page", "page")
        const [first, second] = waiting!.interrupts
        yield* Effect.flatMap(Runs.Runs, (runs) =>
          runs.resume(runId, [resolved(first!.id, "one"), resolved(second!.id, "two")]),
        )
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["one,two"])
      }),
    )

    test(
      "shows what its question is about, and returns the reason of a refusal",
      Effect.gen(function* () {
        const about = { amount: "900 EUR", diff: "-a\n+b", when: new Date(0) }
        yield* start(
          Executor.from(() =>
            Effect.map(Interrupts.decide("refund", { message: "Refund it?", about }), JSON.stringify),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "refund")
        const shown = { about: { ...about, when: "1970-01-01T00:00:00.000Z" } }
        deepStrictEqual(waiting!.interrupts[0]!.metadata, shown)
        const outcome = (yield* log(runId)).findLast(({ type }) => type === "RUN_FINISHED")?.["outcome"]
        deepStrictEqual(
          (outcome as { readonly interrupts: ReadonlyArray<unknown> }).interrupts.map(
            (interrupt) => (interrupt as { readonly metadata: unknown }).metadata,
          ),
          [shown],
        )
        yield* answered(runId, "refund", { approved: false, reason: "Too much" })
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ['{"approved":false,"reason":"Too much"}'])
      }),
    )

    test(
      "asks again when an answer does not fit, with the reason and without the answer",
      Effect.gen(function* () {
        const schema = Schema.Struct({ city: Schema.String, floor: Schema.Int })
        yield* start(
          Executor.from(() =>
            Effect.map(Interrupts.ask("address", { message: "Where to?", schema }), ({ city, floor }) =>
              [city, floor].join(),
            ),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "address")
        yield* runs.resume(runId, [resolved("address", { city: "Lisbon", floor: "third" })])
        const { waiting } = yield* untilWaitsFor(runId, "address~2")
        strictEqual(
          waiting!.interrupts[0]!.message,
          "Where to? (The answer before does not fit: `floor` is no number)",
        )
        yield* runs.resume(runId, [resolved("address~2", { floor: 3 })])
        const last = (yield* untilWaitsFor(runId, "address~3")).waiting!.interrupts[0]!
        strictEqual(last.message, "Where to? (The answer before does not fit: `city` is missing)")
        yield* runs.resume(runId, [resolved("address~3", { city: "Lisbon", floor: 3 })])
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Lisbon,3"])
      }),
    )

    test(
      "fails with Declined where a person does not answer, and may go on without an answer",
      Effect.gen(function* () {
        const asking = Interrupts.ask("name", { message: "Who?" })
        yield* start(
          Executor.from(({ agentId }) =>
            agentId === "patient"
              ? Effect.catchTag(asking, "Declined", ({ question }) => Effect.succeed(`no ${question}`))
              : asking,
          ),
        )
        const runs = yield* Runs.Runs
        const patient = yield* submit({ agentId: "patient" })
        const strict = yield* submit()
        for (const { runId } of [patient, strict]) {
          yield* untilWaitsFor(runId, "name")
          yield* runs.resume(runId, [{ interruptId: "name", status: "cancelled" }])
        }
        yield* untilStatus(patient.runId, "completed")
        deepStrictEqual(yield* textsOf(patient.runId), ["no name"])
        const { error } = yield* untilStatus(strict.runId, "failed")
        deepStrictEqual([error?.code, error?.message], ["Declined", "The question name was declined"])
      }),
    )
  })
}
