/**
 * Tests of executors that are Effects, which emit their events instead of being pulled.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Emit, Executor, RunLog, Runs } from "@runlease/core"
import { Deferred, Effect, Queue, Ref, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, makeEndless, run, start, submit, until, untilStatus } from "../TestWorker.js"

const typesOf = (events: ReadonlyArray<AgentEvent.LogEvent>) => events.map(({ type }) => type)

const unlucky: AgentEvent.AgentEvent = { type: "RUN_ERROR", message: "no luck", code: "unlucky" }

export const tests = (test: Declare): void => {
  test.describe("an executor that is an Effect", () => {
    test(
      "completes its run when it succeeds, with what it emitted and its output as one message",
      Effect.gen(function* () {
        yield* start(() =>
          Effect.gen(function* () {
            yield* Emit.text("Hel")
            yield* Emit.event(AgentEvent.custom("half", 1))
            yield* Emit.text("l")
            return "o"
          }),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        deepStrictEqual(typesOf(yield* log(runId)), [
          "RUN_STARTED",
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "CUSTOM",
          "TEXT_MESSAGE_START",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_CONTENT",
          "TEXT_MESSAGE_END",
          "RUN_FINISHED",
        ])
      }),
    )

    test(
      "shows what it emits while it works, from each of its fibers",
      Effect.gen(function* () {
        const finish = yield* Deferred.make<void>()
        yield* start(() =>
          Effect.zipRight(
            Effect.all([Emit.text("a"), Effect.zipRight(Effect.yieldNow(), Emit.text("b"))], {
              concurrency: "unbounded",
              discard: true,
            }),
            Deferred.await(finish),
          ),
        )
        const { runId } = yield* submit()
        yield* until(
          Effect.zipRight(TestClock.adjust("10 millis"), run(runId)),
          ({ latestSequence }) => latestSequence === 3,
        )
        strictEqual((yield* run(runId)).status, "running")
        yield* Deferred.succeed(finish, undefined)
        strictEqual((yield* untilStatus(runId, "completed")).latestSequence, 4)
      }),
    )

    const failures: ReadonlyArray<
      readonly [string, string, Effect.Effect<Executor.Output, Executor.ExecutorFailure, Emit.Emit>]
    > = [
      [
        "an error",
        "quota_spent",
        Effect.fail(new Executor.ExecutorError({ code: "quota_spent", message: "no more" })),
      ],
      ["a defect", "executor_defect", Effect.die(new Error("bug"))],
      ["its own interruption", "executor_defect", Effect.interrupt],
      [
        "an emitted event that AG-UI refuses",
        "bad_event",
        Effect.zipRight(
          Emit.event({ type: "TEXT_MESSAGE_CONTENT", messageId: 7 } as unknown as AgentEvent.AgentEvent),
          Effect.never,
        ),
      ],
      [
        "an output that AG-UI refuses",
        "bad_event",
        Effect.succeed({ type: "TEXT_MESSAGE_CONTENT", messageId: 7 } as unknown as AgentEvent.AgentEvent),
      ],
      ["an emitted RUN_ERROR", "unlucky", Effect.zipRight(Emit.event(unlucky), Effect.never)],
    ]
    for (const [cause, code, failing] of failures) {
      test(
        `fails its run with code ${code} after ${cause}, and what it emitted before is in the log`,
        Effect.gen(function* () {
          yield* start(() => Effect.zipRight(Emit.event(AgentEvent.stepStarted("first")), failing))
          const { runId } = yield* submit()
          strictEqual((yield* untilStatus(runId, "failed")).error?.code, code)
          deepStrictEqual(typesOf(yield* log(runId)), [
            "RUN_STARTED",
            "STEP_STARTED",
            "STEP_FINISHED",
            "RUN_ERROR",
          ])
        }),
      )
    }

    test(
      "is stopped by the RUN_FINISHED that it emits, and what it emits after it is dropped",
      Effect.gen(function* () {
        const finalized = yield* Deferred.make<void>()
        yield* start(() =>
          Effect.zipRight(
            Emit.event({ type: "RUN_FINISHED", threadId: "t", runId: "r", result: 7 }),
            Effect.never,
          ).pipe(
            Effect.ensuring(Effect.zipRight(Emit.text("too late"), Deferred.succeed(finalized, undefined))),
          ),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "completed")).result, 7)
        yield* Deferred.await(finalized)
        deepStrictEqual(typesOf(yield* log(runId)), ["RUN_STARTED", "RUN_FINISHED"])
      }),
    )

    test(
      "is interrupted when its run is cancelled, and the run waits for its finalizers",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start((claimed) =>
          Effect.scoped(
            Effect.zipRight(
              Effect.acquireRelease(endless.started.offer(claimed), () => endless.finalized.offer(claimed)),
              Effect.never,
            ),
          ),
        )
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        const runs = yield* Runs.Runs
        yield* runs.cancel(runId)
        yield* Effect.raceFirst(
          Queue.take(endless.finalized),
          Effect.forever(Effect.zipRight(TestRuns.settle, TestClock.adjust("1 second"))),
        )
        strictEqual((yield* untilStatus(runId, "cancelled")).status, "cancelled")
      }),
    )

    const gate = Effect.unsafeMakeLatch(false)
    test(
      "waits while the log is slow",
      Effect.gen(function* () {
        yield* gate.close
        const emitted = yield* Ref.make(0)
        yield* start(() =>
          Effect.repeatN(
            Effect.zipRight(
              Ref.updateAndGet(emitted, (n) => n + 1),
              Effect.flatMap(Ref.get(emitted), (n) => Emit.event(AgentEvent.custom("n", n))),
            ),
            4_999,
          ).pipe(Effect.asVoid),
        )
        const { runId } = yield* submit()
        let before = -1
        yield* until(Ref.get(emitted), (n) => {
          const settled = n > 0 && n === before
          before = n
          return settled
        })
        assertTrue((yield* Ref.get(emitted)) < 1000)
        yield* gate.open
        yield* until(
          Effect.zipRight(TestClock.adjust("10 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        strictEqual((yield* run(runId)).latestSequence, 5000)
      }),
      Faults.over(RunLog.RunLog, (runLog) => ({
        ...runLog,
        append: (request) => Effect.zipRight(gate.await, runLog.append(request)),
      })),
    )

    test(
      "is stopped when the log refuses its events, and fails the run",
      Effect.gen(function* () {
        yield* start(() => Effect.zipRight(Emit.text("a"), Effect.never))
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "log_conflict")
      }),
      Faults.over(RunLog.RunLog, (runLog) => ({
        ...runLog,
        append: ({ runId }) =>
          Effect.fail(new RunLog.CursorMismatch({ runId, latestEventId: 7, latestSequence: 7 })),
      })),
    )

    test(
      "cannot emit after its end, from a fiber that it left running",
      Effect.gen(function* () {
        const ended = yield* Deferred.make<void>()
        const tried = yield* Deferred.make<void>()
        yield* start(() =>
          Effect.zipRight(
            Effect.forkDaemon(
              Deferred.await(ended).pipe(
                Effect.zipRight(Emit.text("too late")),
                Effect.zipRight(Deferred.succeed(tried, undefined)),
              ),
            ),
            Effect.succeed("in time"),
          ),
        )
        const { runId } = yield* submit()
        yield* untilStatus(runId, "completed")
        yield* Deferred.succeed(ended, undefined)
        yield* Deferred.await(tried)
        yield* TestRuns.settle
        strictEqual((yield* run(runId)).latestSequence, 3)
      }),
    )
  })
}
