/**
 * Tests of questions that an executor asks, for which a run is suspended once nothing of it is in flight.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Interrupts, Runs, Step } from "@runlease/core"
import { DateTime, Effect, Exit, Schema, Scope, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, run, start, submit, until, untilStatus, untilSuspended } from "../TestWorker.js"
import { answered, resolved, untilWaitsFor } from "./Asking.js"
import { textsOf } from "./StepRuns.js"

export const tests = (test: Declare): void => {
  test.describe("a run that asks a question", () => {
    const deploying = Executor.from(() =>
      Effect.map(Interrupts.approve("deploy", { message: "Deploy?" }), (yes) =>
        yes ? "deployed" : "left alone",
      ),
    )

    test.onEachStore(
      "continues with a yes or a no, and leaves its worker free until then",
      Effect.gen(function* () {
        const worker = yield* start(deploying, { concurrency: 1 })
        const runs = yield* Runs.Runs
        const first = yield* submit()
        const waiting = yield* untilSuspended(first.runId)
        deepStrictEqual(waiting.waiting?.interrupts, [
          {
            id: "deploy",
            reason: "confirmation",
            message: "Deploy?",
            responseSchema: {
              type: "object",
              properties: { approved: { type: "boolean" }, reason: { type: "string" } },
              required: ["approved"],
            },
          },
        ])
        const second = yield* submit()
        yield* untilSuspended(second.runId)
        yield* until(worker.inFlight, ({ length }) => length === 0)
        yield* runs.resume(first.runId, [resolved("deploy", { approved: true })])
        yield* runs.resume(second.runId, [{ interruptId: "deploy", status: "cancelled" }])
        yield* untilStatus(first.runId, "completed")
        yield* untilStatus(second.runId, "completed")
        deepStrictEqual(yield* textsOf(first.runId), ["deployed"])
        deepStrictEqual(yield* textsOf(second.runId), ["left alone"])
      }),
    )

    test(
      "may ask one question after another, or several at once, and gets every answer",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const name = yield* Interrupts.ask("name", { message: "Who?" })
              const { colour, size } = yield* Interrupts.askAll({
                size: { message: "How large?", schema: Schema.Int },
                colour: { message: "Which colour?" },
              })
              return `${name} ${size + 1} ${colour}`
            }),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "name")
        yield* runs.resume(runId, [resolved("name", "Ann")])
        yield* untilWaitsFor(runId, "size", "colour")
        yield* runs.resume(runId, [resolved("colour", "red")])
        yield* runs.resume(runId, [resolved("size", 3)])
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["Ann 4 red"])
      }),
    )

    test.onEachStore(
      "continues in another worker, with the session that the first worker recorded",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const executing = (name: string) =>
          Executor.from((claimed) =>
            Effect.gen(function* () {
              const lease = TestRuns.leaseOf(claimed)
              if (claimed.session === null) yield* runs.recordSession(lease, { sessionKey: `of ${name}` })
              const answer = yield* Interrupts.ask("q", { message: "Well?" })
              return `${name} goes on with the session ${claimed.session?.sessionKey}: ${answer}`
            }),
          )
        const gone = yield* Scope.make()
        yield* Scope.extend(start(executing("first"), { workerKey: "first" }), gone)
        const { runId } = yield* submit()
        yield* untilSuspended(runId)
        yield* Scope.close(gone, Exit.void)
        yield* TestClock.adjust("1 minute")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* runs.resume(runId, [resolved("q", "yes")])
        yield* start(executing("second"), { workerKey: "second" })
        yield* until(
          Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        deepStrictEqual(yield* textsOf(runId), ["second goes on with the session of first: yes"])
      }),
    )

    test(
      "asks the questions of all its fibers at once",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(["size", "colour"], (name) => Interrupts.ask(name, { message: "Which?" }), {
                concurrency: "unbounded",
              }),
              (answers) => answers.join(" "),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "size", "colour")
        deepStrictEqual(
          (yield* TestRuns.typesOf(runId)).filter((type) => type.startsWith("RUN_")),
          ["RUN_STARTED", "RUN_FINISHED"],
        )
        yield* answered(runId, "colour", "red")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* answered(runId, "size", "3")
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["3 red"])
      }),
    )

    test(
      "waits for each answer as long as its question says",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.as(
              Effect.all(
                [
                  Interrupts.approve("soon", { message: "Soon?", expiresAfter: "10 seconds" }),
                  Interrupts.approve("later", { message: "Later?", expiresAfter: "30 seconds" }),
                  Interrupts.approve("ever", { message: "Ever?" }),
                ],
                { concurrency: "unbounded" },
              ),
              "answered",
            ),
          ),
        )
        const { runId } = yield* submit()
        const { waiting } = yield* untilWaitsFor(runId, "soon", "later", "ever")
        const [soon, later, ever] = waiting!.interrupts.map(({ expiresAt }) => expiresAt)
        deepStrictEqual(waiting!.expiresAt, soon)
        deepStrictEqual(later, DateTime.add(soon!, { seconds: 20 }))
        strictEqual(ever, undefined)
        yield* answered(runId, "soon", true)
        yield* TestClock.adjust("15 seconds")
        strictEqual((yield* run(runId)).status, "waiting")
        yield* TestClock.adjust("15 seconds")
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "wait_expired")
      }),
    )

    test(
      "asks the questions that one suspension has no room for when the others are answered",
      Effect.gen(function* () {
        const message = "m".repeat(100_000)
        const runs = yield* Runs.Runs
        yield* start(
          Executor.from(() =>
            Effect.map(
              Effect.forEach(
                ["a", "b", "c"],
                (name) => Interrupts.ask(name, { message, schema: Schema.Int }),
                { concurrency: "unbounded" },
              ),
              (answers) => answers.join(" "),
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "a", "b")
        yield* runs.resume(runId, [resolved("a", 1), resolved("b", 2)])
        yield* untilWaitsFor(runId, "c")
        yield* answered(runId, "c", 3)
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textsOf(runId), ["1 2 3"])
      }),
    )

    test(
      "fails when one attempt asks one question twice, also when the first has its answer",
      Effect.gen(function* () {
        yield* start(
          Executor.from((claimed) => {
            const asking = Interrupts.approve("deploy", { message: "Deploy?" })
            return Effect.as(
              Effect.all([asking, asking], claimed.agentId === "at once" ? { concurrency: 2 } : {}),
              "deployed twice",
            )
          }),
        )
        const atOnce = yield* submit({ agentId: "at once" })
        strictEqual((yield* untilStatus(atOnce.runId, "failed")).error?.code, "step_duplicate")
        const { runId } = yield* submit()
        yield* untilWaitsFor(runId, "deploy")
        yield* answered(runId, "deploy", true)
        const { error } = yield* untilStatus(runId, "failed")
        strictEqual(error?.code, "step_duplicate")
        assertTrue(error!.message.includes("deploy"))
      }),
    )

    test(
      "cannot ask inside a step that happens at most once",
      Effect.gen(function* () {
        yield* start(
          Executor.from(() =>
            Effect.as(
              Step.atMostOnce("deploy", Interrupts.approve("sure", { message: "Sure?" })),
              "deployed",
            ),
          ),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "step_nested")
      }),
    )
  })
}
