/**
 * Tests of how a run ends: by its executor, or by a failure.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Leases, RequestSnapshot, RunLog } from "@runlease/core"
import { Effect, Queue, Ref, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import {
  type Declare,
  until,
  untilRenewed,
  run,
  untilStatus,
  log,
  submit,
  start,
  makeEndless,
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
}
