/** Tests of how a run ends: by its executor, which is a Stream or an Effect that emits its events, or by a failure. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Emit, Executor, Leases, RequestSnapshot, RunLog, Runs } from "@runlease/core"
import { Deferred, Effect, Queue, Ref, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  log,
  makeEndless,
  run,
  start,
  submit,
  until,
  untilRenewed,
  untilStatus,
} from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("an execution that ends by itself", () => {
    test.onEachStore(
      "completes the run, with a log that opens and closes",
      Effect.gen(function* () {
        yield* start(Executor.from(() => Effect.succeed("hello")))
        const { runId } = yield* submit()
        const done = yield* untilStatus(runId, "completed")
        strictEqual(done.attempt, 1)
        deepStrictEqual(
          (yield* log(runId)).map((event) => event.type),
          ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"],
        )
      }),
    )

    test(
      "leaves its slot to the next run, and no more runs are executed at once than there are slots",
      Effect.gen(function* () {
        const now = yield* Ref.make(0)
        const most = yield* Ref.make(0)
        const gate = yield* Queue.unbounded<void>()
        yield* start(
          Executor.from(() =>
            Effect.gen(function* () {
              const running = yield* Ref.updateAndGet(now, (n) => n + 1)
              yield* Ref.update(most, (n) => Math.max(n, running))
              yield* Queue.take(gate)
              yield* Ref.update(now, (n) => n - 1)
            }),
          ),
          { concurrency: 3 },
        )
        const submitted = yield* Effect.replicateEffect(submit(), 8)
        yield* until(Ref.get(now), (n) => n === 3)
        yield* Effect.replicateEffect(Queue.offer(gate, undefined), 8)
        yield* Effect.forEach(submitted, ({ runId }) => untilStatus(runId, "completed"))
        strictEqual(yield* Ref.get(most), 3)
      }),
    )

    const written = Effect.unsafeMakeLatch(false)
    test(
      "frees its slot before its outcome is written, but a worker holds no more than two runs for each slot",
      Effect.gen(function* () {
        yield* written.close
        const executed = yield* Queue.unbounded<void>()
        const worker = yield* start(
          Executor.from(() => Effect.asVoid(Queue.offer(executed, undefined))),
          { concurrency: 1 },
        )
        const submitted = yield* Effect.replicateEffect(submit(), 4)
        yield* Queue.take(executed)
        yield* Queue.take(executed)
        yield* TestRuns.settle
        deepStrictEqual(
          (yield* worker.inFlight).map(({ runId }) => runId),
          submitted.slice(0, 2).map(({ runId }) => runId),
        )
        strictEqual(yield* Queue.size(executed), 0)
        yield* written.open
        yield* Effect.forEach(submitted, ({ runId }) => untilStatus(runId, "completed"))
        yield* until(worker.inFlight, ({ length }) => length === 0)
      }).pipe(Effect.ensuring(written.open)),
      Faults.over(Leases.Leases, (leases) => ({
        ...leases,
        complete: (...ended) => Effect.zipRight(written.await, leases.complete(...ended)),
      })),
    )

    test(
      "before it could start hands the run back, not counted, and the worker pauses before it claims again",
      Effect.gen(function* () {
        const starts = yield* Ref.make(0)
        const usable = yield* Ref.make(false)
        const missing = new Executor.ExecutorError({
          code: "command_not_found",
          message: "the program is gone",
          handBack: true,
        })
        yield* start(() =>
          Stream.unwrap(
            Effect.gen(function* () {
              yield* Ref.update(starts, (n) => n + 1)
              return (yield* Ref.get(usable)) ? Stream.empty : Stream.fail(missing)
            }),
          ),
        )
        const { runId } = yield* submit({ maxAttempts: 1 })
        // In large steps, since each one takes many requests where the control plane is another process.
        const step = Effect.zipRight(TestRuns.settle, TestClock.adjust("5 seconds"))
        yield* Effect.repeatN(step, 12)
        const count = yield* Ref.get(starts)
        assertTrue(count >= 3 && count <= 15, `${count} starts in a minute`)
        const waiting = yield* TestRuns.eventually(run(runId), ({ status }) => status === "pending")
        strictEqual(waiting.attempt, 0)
        yield* Ref.set(usable, true)
        const done = yield* TestRuns.eventually(run(runId), ({ status }) => status === "completed", {
          step: "5 seconds",
          within: "1 minute",
        })
        strictEqual(done.attempt, 1)
      }),
    )

    const requests: Array<string> = []
    test(
      "with its events at hand writes them and its outcome in one request",
      Effect.gen(function* () {
        requests.length = 0
        yield* start(Executor.from(() => Effect.succeed("hello")))
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "completed")).latestSequence, 3)
        deepStrictEqual(requests, ["complete with 3"])
      }),
      (ports) =>
        ports.pipe(
          Faults.over(Leases.Leases, (leases) => ({
            ...leases,
            complete: (lease, outcome, last) => {
              requests.push(`complete with ${last?.events.length}`)
              return leases.complete(lease, outcome, last)
            },
          })),
          Faults.over(RunLog.RunLog, (runLog) => ({
            ...runLog,
            append: (request) => {
              requests.push("append")
              return runLog.append(request)
            },
          })),
        ),
    )

    test.onEachStore(
      "ends the run by its own last event",
      Effect.gen(function* () {
        const ends: Record<string, AgentEvent.LogEvent> = {
          success: { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "success" } },
          cancelled: { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "cancelled" } },
          error: { type: "RUN_ERROR", message: "no luck", code: "unlucky" },
        }
        yield* start((claimed) =>
          Stream.make(ends[RequestSnapshot.lastUserText(claimed.snapshot)]!, AgentEvent.stepStarted("never")),
        )
        const submitted = yield* Effect.forEach(Object.keys(ends), (text) =>
          submit({ snapshot: RequestSnapshot.fromText(text) }),
        )
        yield* untilStatus(submitted[0]!.runId, "completed")
        yield* untilStatus(submitted[1]!.runId, "cancelled")
        const failed = yield* untilStatus(submitted[2]!.runId, "failed")
        deepStrictEqual(failed.error, { code: "unlucky", message: "no luck" })
        deepStrictEqual(
          (yield* log(submitted[0]!.runId)).map((event) => event.type),
          ["RUN_STARTED", "RUN_FINISHED"],
        )
      }),
    )

    const failures: ReadonlyArray<readonly [string, string, Executor.Execute]> = [
      [
        "an error",
        "quota_spent",
        () => Stream.fail(new Executor.ExecutorError({ code: "quota_spent", message: "no more" })),
      ],
      ["a defect", "executor_defect", () => Stream.die(new Error("bug"))],
      [
        "a thrown exception",
        "executor_defect",
        () => {
          throw new Error("bug")
        },
      ],
      [
        "an event that AG-UI refuses",
        "bad_event",
        () => Stream.make({ type: "TEXT_MESSAGE_CONTENT", messageId: 7 } as AgentEvent.LogEvent),
      ],
      [
        "an event that is too large",
        "event_too_large",
        () => Stream.make(AgentEvent.custom("big", "x".repeat(RunLog.maxEventBytes))),
      ],
    ]
    for (const [cause, code, execute] of failures) {
      test(
        `fails the run with code ${code} after ${cause}`,
        Effect.gen(function* () {
          yield* start(execute)
          const { runId } = yield* submit()
          const failed = yield* untilStatus(runId, "failed")
          strictEqual(failed.error?.code, code)
          strictEqual(failed.attempt, 1)
          strictEqual((yield* log(runId)).at(-1)?.type, "RUN_ERROR")
        }),
      )
    }

    test(
      "fails the run with code executor_timeout when it never ends",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start(Executor.timeout("1 minute")(endless.execute))
        const { runId } = yield* submit()
        yield* Queue.take(endless.started)
        yield* Effect.repeatN(
          Effect.zipRight(TestClock.adjust("10 seconds"), untilRenewed(runId, "25 seconds")),
          6,
        )
        const failed = yield* untilStatus(runId, "failed")
        strictEqual(failed.error?.code, "executor_timeout")
        strictEqual(yield* Queue.size(endless.finalized), 1)
      }),
    )
  })

  test.describe("a retryable failure", () => {
    test.onEachStore(
      "hands the run back with back-off while attempts are left, then fails it with its own code",
      Effect.gen(function* () {
        const attempts = yield* Ref.make<ReadonlyArray<number | null>>([])
        yield* start(
          (claimed) =>
            Stream.concat(
              Stream.make(AgentEvent.textStart(`m${claimed.attempt}`)),
              Stream.unwrap(
                Effect.as(
                  Ref.update(attempts, (all) => [...all, claimed.attempt]),
                  Stream.fail(Executor.retryableError("busy", "later")),
                ),
              ),
            ),
          { retryDelay: () => "10 seconds" },
        )
        const { runId } = yield* submit({ maxAttempts: 2 })
        const back = yield* untilStatus(runId, "pending").pipe(
          Effect.zipRight(
            until(run(runId), (current) => current.status === "pending" && current.attempt === 1),
          ),
        )
        strictEqual(back.status, "pending")
        yield* TestClock.adjust("9 seconds")
        strictEqual((yield* run(runId)).attempt, 1)
        yield* TestClock.adjust("1 seconds")
        const failed = yield* untilStatus(runId, "failed")
        deepStrictEqual(failed.error, { code: "busy", message: "later" })
        deepStrictEqual(yield* Ref.get(attempts), [1, 2])
        deepStrictEqual(
          (yield* log(runId)).map((event) => event.type),
          [
            "RUN_STARTED",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_END",
            "CUSTOM",
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_END",
            "RUN_ERROR",
          ],
        )
      }),
    )
  })

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

const typesOf = (events: ReadonlyArray<AgentEvent.LogEvent>) => events.map(({ type }) => type)

const unlucky: AgentEvent.AgentEvent = { type: "RUN_ERROR", message: "no luck", code: "unlucky" }
