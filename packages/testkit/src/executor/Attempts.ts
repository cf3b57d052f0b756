/** Executor suite: attempts, cancellation, interruption, drain and back-pressure of an executor inside a worker. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Executor from "@runlease/core/Executor"
import type * as Ids from "@runlease/core/Ids"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Chunk, Effect, Exit, Scope, Stream } from "effect"
import * as EventOrder from "../EventOrder.js"
import * as TestRuns from "../TestRuns.js"
import * as TestWorker from "../TestWorker.js"
import { inTime, start, test, until, untilNoPeer } from "./Execution.js"
import { Floods, type Make, Says, SaysThenCrashes, SaysThenHangs } from "./Subject.js"

/** Follows a run's log to its end. */
const follow = (runId: Ids.RunId) =>
  Stream.unwrap(Effect.map(RunLog, (log) => Stream.map(log.follow({ runId }), ({ event }) => event)))

/** Waits for the end of a run and checks that its log is valid and has exactly this text. */
const assertLog = (runId: Ids.RunId, text: string) =>
  Stream.runCollect(follow(runId)).pipe(
    inTime("the run has ended"),
    Effect.map(Chunk.toReadonlyArray),
    Effect.tap((events) => {
      deepStrictEqual(EventOrder.violations(events, { ended: true }), [])
      strictEqual(EventOrder.textOf(events), text)
    }),
  )

/** Waits until the text of a run's log equals `text`. */
const untilText = (runId: Ids.RunId, text: string) =>
  Stream.runHead(
    follow(runId).pipe(
      Stream.scan("", (written, event) => written + EventOrder.textOf([event])),
      Stream.filter((written) => written === text),
    ),
  ).pipe(inTime(`the log has the text ${text}`))

export const tests = (make: Make): void => {
  const texts = ["one ", "two ", "three"]
  const text = texts.join("")

  describe("in a worker", () => {
    test(
      "a run whose peer crashed completes in the next attempt, with a valid log",
      Effect.gen(function* () {
        const crashing = yield* make(SaysThenCrashes({ texts }))
        const succeeding = yield* make(Says({ texts }))
        yield* TestWorker.start(
          Executor.retryable({ delay: () => 0 })((run) =>
            (run.attempt === 1 ? crashing : succeeding).execute(run),
          ),
        )
        const { runId } = yield* TestRuns.submit(crashing.submission)
        yield* assertLog(runId, text + text)
        const run = yield* TestRuns.getRun(runId)
        strictEqual(run.status, "completed")
        strictEqual(run.attempt, 2)
      }),
    )

    test(
      "a run whose peer crashes in every attempt fails with the executor's code",
      Effect.gen(function* () {
        const crashing = yield* make(SaysThenCrashes({ texts }))
        yield* TestWorker.start(Executor.retryable({ delay: () => 0 })(crashing.execute))
        const { runId } = yield* TestRuns.submit({ ...crashing.submission, maxAttempts: 2 })
        yield* assertLog(runId, text + text)
        const run = yield* TestRuns.getRun(runId)
        strictEqual(run.status, "failed")
        strictEqual((run.error?.code ?? "") === "" || run.error?.code === "executor_defect", false)
      }),
    )

    test(
      "cancelling a run ends its peer",
      Effect.gen(function* () {
        const hanging = yield* make(SaysThenHangs({ texts }))
        yield* TestWorker.start(hanging.execute, { leaseDuration: "5 seconds" })
        const { runId } = yield* TestRuns.submit(hanging.submission)
        yield* untilText(runId, text)
        const runs = yield* Runs
        yield* runs.cancel(runId)
        yield* untilNoPeer(hanging)
        yield* assertLog(runId, text)
        strictEqual((yield* TestRuns.getRun(runId)).status, "cancelled")
      }),
    )

    test(
      "closing the worker releases its run and ends its peer",
      Effect.gen(function* () {
        const hanging = yield* make(SaysThenHangs({ texts }))
        const scope = yield* Scope.make()
        yield* Scope.extend(TestWorker.start(hanging.execute), scope)
        const { runId } = yield* TestRuns.submit(hanging.submission)
        yield* untilText(runId, text)
        yield* inTime("the worker has drained")(Scope.close(scope, Exit.void))
        yield* untilNoPeer(hanging)
        const run = yield* until(
          "the run is released",
          TestRuns.getRun(runId),
          (now) => now.status === "pending",
        )
        strictEqual(run.attempt, 0)
        deepStrictEqual(EventOrder.violations(yield* TestRuns.eventsOf(runId), { ended: false }), [])
      }),
    )
  })

  describe("an execution that is interrupted", () => {
    test(
      "in the middle of the output ends soon, and its peer ends with it",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const execution = yield* start(subject)
        yield* execution.untilText(texts.join(""))
        assertTrue((yield* subject.alive) > 0, "no peer is running in the middle of a run")
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilNoPeer(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )

    test(
      "leaves other executions running",
      Effect.gen(function* () {
        const subject = yield* make(SaysThenHangs({ texts }))
        const [first, second] = yield* Effect.all([start(subject), start(subject)])
        yield* Effect.forEach([first, second], ({ untilText }) => untilText(texts.join("")))
        const both = yield* subject.alive
        yield* first.interrupt
        yield* until("one peer is running", subject.alive, (alive) => alive > 0 && alive < both)
        yield* second.interrupt
        yield* untilNoPeer(subject)
      }),
    )
  })

  describe("a peer that writes without end", () => {
    test(
      "pauses while its output is not consumed, continues, and ends when interrupted",
      Effect.gen(function* () {
        const subject = yield* make(Floods())
        const execution = yield* start(subject, { limit: 1 })
        yield* execution.consume(100)
        const paused = yield* untilStill(subject.produced)
        const more = Effect.zipRight(execution.consume(1000), subject.produced)
        yield* until("the peer continues", more, (produced) => produced > paused)
        yield* untilStill(subject.produced)
        assertTrue(Exit.isInterrupted(yield* execution.interrupt))
        yield* untilNoPeer(subject)
        deepStrictEqual(EventOrder.violations(execution.events, { ended: false }), [])
      }),
    )
  })
}

/** Waits until the count does not change for half a second, in which the peer would add thousands, and returns it. */
const untilStill = (produced: Effect.Effect<number>) =>
  Effect.suspend(() => {
    let last = -1
    let still = 0
    const look = Effect.tap(produced, (now) => {
      still = now === last ? still + 1 : 0
      last = now
    })
    return until("the peer is paused", look, () => still === 50)
  })
