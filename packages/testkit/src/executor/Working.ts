/** The part of the executors' suite on an executor in a worker. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Executors from "@runlease/core/Executors"
import type * as Ids from "@runlease/core/Ids"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Chunk, Effect, Exit, Scope, Stream } from "effect"
import * as EventOrder from "../EventOrder.js"
import * as TestRuns from "../TestRuns.js"
import * as TestWorker from "../TestWorker.js"
import { soon, test, until, untilGone } from "./Execution.js"
import { type Make, Says, SaysThenCrashes, SaysThenHangs } from "./Subject.js"

/** The events of a run's log as they come, to its end. */
const follow = (runId: Ids.RunId) =>
  Stream.unwrap(Effect.map(RunLog, (log) => Stream.map(log.follow({ runId }), ({ event }) => event)))

/** The whole log of a run, once it has ended: it is valid, and this is its text. */
const wholeLog = (runId: Ids.RunId, text: string) =>
  Stream.runCollect(follow(runId)).pipe(
    soon("the run has ended"),
    Effect.map(Chunk.toReadonlyArray),
    Effect.tap((events) => {
      deepStrictEqual(EventOrder.violations(events, { ended: true }), [])
      strictEqual(EventOrder.textOf(events), text)
    }),
  )

/** Waits until a run's log has this text. */
const untilSaid = (runId: Ids.RunId, text: string) =>
  Stream.runHead(
    follow(runId).pipe(
      Stream.scan("", (said, event) => said + EventOrder.textOf([event])),
      Stream.filter((said) => said === text),
    ),
  ).pipe(soon(`the log says ${text}`))

export const tests = (make: Make): void => {
  const texts = ["one ", "two ", "three"]
  const text = texts.join("")

  describe("in a worker", () => {
    test(
      "a run whose peer died is done by the next attempt, in a log that is valid",
      Effect.gen(function* () {
        const crashing = yield* make(SaysThenCrashes({ texts }))
        const saying = yield* make(Says({ texts }))
        yield* TestWorker.start(
          Executors.retry({ delay: () => 0 })((run) => (run.attempt === 1 ? crashing : saying).execute(run)),
        )
        const { runId } = yield* TestRuns.submit()
        yield* wholeLog(runId, text + text)
        const run = yield* TestRuns.getRun(runId)
        strictEqual(run.status, "completed")
        strictEqual(run.attempt, 2)
      }),
    )

    test(
      "a run whose peer dies each time fails in the end, with the executor's code",
      Effect.gen(function* () {
        const crashing = yield* make(SaysThenCrashes({ texts }))
        yield* TestWorker.start(Executors.retry({ delay: () => 0 })(crashing.execute))
        const { runId } = yield* TestRuns.submit({ maxAttempts: 2 })
        yield* wholeLog(runId, text + text)
        const run = yield* TestRuns.getRun(runId)
        strictEqual(run.status, "failed")
        strictEqual((run.error?.code ?? "") === "" || run.error?.code === "executor_defect", false)
      }),
    )

    test(
      "the cancellation of a run ends its peer",
      Effect.gen(function* () {
        const hanging = yield* make(SaysThenHangs({ texts }))
        yield* TestWorker.start(hanging.execute, { leaseDuration: "5 seconds" })
        const { runId } = yield* TestRuns.submit()
        yield* untilSaid(runId, text)
        const runs = yield* Runs
        yield* runs.cancel(runId)
        yield* untilGone(hanging)
        yield* wholeLog(runId, text)
        strictEqual((yield* TestRuns.getRun(runId)).status, "cancelled")
      }),
    )

    test(
      "the end of the worker hands its run back, and ends its peer",
      Effect.gen(function* () {
        const hanging = yield* make(SaysThenHangs({ texts }))
        const scope = yield* Scope.make()
        yield* Scope.extend(TestWorker.start(hanging.execute), scope)
        const { runId } = yield* TestRuns.submit()
        yield* untilSaid(runId, text)
        yield* soon("the worker has drained")(Scope.close(scope, Exit.void))
        yield* untilGone(hanging)
        const run = yield* until(
          "the run is handed back",
          TestRuns.getRun(runId),
          (now) => now.status === "pending",
        )
        strictEqual(run.attempt, 0)
        deepStrictEqual(EventOrder.violations(yield* TestRuns.eventsOf(runId), { ended: false }), [])
      }),
    )
  })
}
