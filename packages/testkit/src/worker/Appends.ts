/**
 * Tests of the worker's appends: retries, refusals, split deltas, back-pressure.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, RunLog } from "@runlease/core"
import { Effect, Queue, Ref, Stream, TestClock } from "effect"
import * as Faults from "../Faults.js"
import { strange } from "../TextSuite.js"
import {
  type Declare,
  until,
  run,
  untilStatus,
  log,
  submit,
  start,
  makeEndless,
  unavailable,
} from "../TestWorker.js"

export const tests = (test: Declare): void => {
  test.describe("appends", () => {
    test.onEachStore(
      "keep strange text, and the run ends like any other",
      Effect.gen(function* () {
        const event: AgentEvent.LogEvent = { type: strange, [strange]: strange }
        yield* start((claimed) =>
          claimed.agentId === "fails"
            ? Stream.concat(
                Stream.make(event),
                new Executor.ExecutorError({ code: strange, message: strange }),
              )
            : Stream.make(event, AgentEvent.textContent(strange, strange)),
        )
        const emitted = yield* submit({ agentId: "emits" })
        const failed = yield* submit({ agentId: "fails" })
        yield* untilStatus(emitted.runId, "completed")
        const { error } = yield* untilStatus(failed.runId, "failed")
        deepStrictEqual(error, { code: strange, message: strange })
        deepStrictEqual((yield* log(emitted.runId)).slice(1, 3), [
          event,
          AgentEvent.textContent(strange, strange),
        ])
        deepStrictEqual((yield* log(failed.runId))[1], event)
      }),
    )

    let loseNext = true
    test.onEachStore(
      "are sent again when an answer is lost, and add nothing twice",
      Effect.gen(function* () {
        loseNext = true
        yield* start(Executor.from(() => Stream.make("a", "b", "c")))
        const { runId } = yield* submit()
        const done = yield* until(
          Effect.zipRight(TestClock.adjust("100 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        strictEqual(done.latestSequence, 5)
        deepStrictEqual(
          (yield* log(runId))
            .filter((event) => event.type === "TEXT_MESSAGE_CONTENT")
            .map((event) => event["delta"]),
          ["a", "b", "c"],
        )
      }),
      Faults.over(RunLog.RunLog, (runLog) => ({
        ...runLog,
        append: (request) =>
          Effect.flatMap(runLog.append(request), (appended) => {
            if (!loseNext) return Effect.succeed(appended)
            loseNext = false
            return Effect.fail(unavailable("RunLog.append"))
          }),
      })),
    )

    test(
      "stop the executor and fail the run when the log refuses them",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start((claimed) =>
          Stream.concat(Stream.make(AgentEvent.textStart("m")), endless.execute(claimed)),
        )
        const { runId } = yield* submit()
        yield* Queue.take(endless.finalized)
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "log_conflict")
        deepStrictEqual(
          (yield* log(runId)).map((event) => event.type),
          ["RUN_STARTED", "RUN_ERROR"],
        )
      }),
      Faults.over(RunLog.RunLog, (runLog) => ({
        ...runLog,
        append: ({ runId }) =>
          Effect.fail(new RunLog.CursorMismatch({ runId, latestEventId: 7, latestSequence: 7 })),
      })),
    )

    test(
      "stop the executor and fail the run when they die",
      Effect.gen(function* () {
        const endless = yield* makeEndless
        yield* start((claimed) =>
          Stream.concat(Stream.make(AgentEvent.textStart("m")), endless.execute(claimed)),
        )
        const { runId } = yield* submit()
        yield* Queue.take(endless.finalized)
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "log_refused")
      }),
      Faults.over(RunLog.RunLog, (runLog) => ({ ...runLog, append: () => Effect.die("bug") })),
    )

    test(
      "are written before the outcome of an executor that dies",
      Effect.gen(function* () {
        yield* start(() =>
          Stream.concat(Stream.make(AgentEvent.textStart("m")), Stream.execute(Effect.yieldNow())).pipe(
            Stream.concat(Stream.die("bug")),
          ),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "executor_defect")
        deepStrictEqual(
          (yield* log(runId)).map((event) => event.type),
          ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "RUN_ERROR"],
        )
      }),
    )

    test.onEachStore(
      "split a delta over the size limit and lose nothing of it",
      Effect.gen(function* () {
        const text = "ab😀\n".repeat(80_000)
        yield* start(Executor.from(() => Effect.succeed(text)))
        const { runId } = yield* submit()
        yield* until(
          Effect.zipRight(TestClock.adjust("10 millis"), run(runId)),
          (current) => current.status === "completed",
        )
        const deltas = (yield* log(runId)).flatMap((event) =>
          event.type === "TEXT_MESSAGE_CONTENT" ? [String(event["delta"])] : [],
        )
        assertTrue(deltas.length > 1)
        strictEqual(deltas.join(""), text)
      }),
    )

    const gate = Effect.unsafeMakeLatch(false)
    test(
      "slow the executor down when the log is slow",
      Effect.gen(function* () {
        yield* gate.close
        const produced = yield* Ref.make(0)
        yield* start(() =>
          Stream.range(1, 5000).pipe(
            Stream.rechunk(1),
            Stream.tap(() => Ref.update(produced, (n) => n + 1)),
            Stream.map((n) => AgentEvent.custom("n", n)),
          ),
        )
        const { runId } = yield* submit()
        let before = -1
        yield* until(Ref.get(produced), (n) => {
          const settled = n > 0 && n === before
          before = n
          return settled
        })
        assertTrue((yield* Ref.get(produced)) < 1000)
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
  })
}
