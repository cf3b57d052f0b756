/**
 * Tests of executors that interrupt their run and go on with the answers.
 */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, Interrupt, Run, Runs } from "@runlease/core"
import { DateTime, Effect, Stream, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { type Declare, log, run, start, submit, until, untilStatus } from "../TestWorker.js"

/** The text deltas in the log of a run. */
const textOf = (runId: Run.Run["runId"]) =>
  Effect.map(log(runId), (events) =>
    events.flatMap((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event["delta"]] : [])),
  )

/** An executor whose only event is a RUN_FINISHED with these fields. */
const finishing =
  (rest: Readonly<Record<string, unknown>>): Executor.Execute =>
  ({ conversationId, runId }) =>
    Stream.make({ type: "RUN_FINISHED", threadId: conversationId, runId, ...rest })

export const tests = (test: Declare): void => {
  test.describe("a run that waits for a tool result", () => {
    test.onEachStore(
      "frees the worker, and continues with the answer in its snapshot",
      Effect.gen(function* () {
        const worker = yield* start((claimed) => {
          const answer = claimed.snapshot.messages
            .flatMap((message) => message.parts)
            .find((part) => part.type === "tool_result")
          return answer === undefined
            ? Stream.fail(Executor.awaitToolResult("call-1", "ask"))
            : Executor.from(() => Effect.succeed(`the answer is ${String(answer["result"])}`))(claimed)
        })
        const { runId } = yield* submit()
        const waiting = yield* untilStatus(runId, "waiting")
        deepStrictEqual(waiting.waiting?.interrupts, [Interrupt.ofToolCall("call-1", "ask")])
        yield* until(worker.inFlight, ({ length }) => length === 0)
        const runs = yield* Runs.Runs
        yield* runs.resume(runId, TestRuns.resultOf("call-1", "yes"))
        yield* untilStatus(runId, "completed")
        deepStrictEqual(yield* textOf(runId), ["the answer is yes"])
      }),
    )

    test.onEachStore(
      "fails when the result does not arrive within the time that the executor set",
      Effect.gen(function* () {
        const [soon, later] = [yield* TestRuns.after("10 seconds"), yield* TestRuns.after("20 seconds")]
        const interrupt = ({ conversationId, runId }: Run.ClaimedRun): AgentEvent.LogEvent => ({
          type: "RUN_FINISHED",
          threadId: conversationId,
          runId,
          outcome: {
            type: "interrupt",
            interrupts: [{ id: "call-2", reason: "confirm", expiresAt: DateTime.formatIso(later) }],
          },
        })
        yield* start((claimed) =>
          claimed.agentId === "awaits"
            ? Stream.fail(Executor.awaitToolResult("call-1", "ask", "10 seconds"))
            : Stream.make(interrupt(claimed)),
        )
        const awaits = yield* submit({ agentId: "awaits" })
        const interrupts = yield* submit({ agentId: "interrupts" })
        const endOf = (run: Run.Run) => run.waiting?.expiresAt
        deepStrictEqual(endOf(yield* untilStatus(awaits.runId, "waiting")), soon)
        deepStrictEqual(endOf(yield* untilStatus(interrupts.runId, "waiting")), later)
        yield* TestClock.adjust("10 seconds")
        strictEqual((yield* untilStatus(awaits.runId, "failed")).error?.code, "wait_expired")
        strictEqual((yield* run(interrupts.runId)).status, "waiting")
        yield* TestClock.adjust("10 seconds")
        strictEqual((yield* untilStatus(interrupts.runId, "failed")).error?.code, "wait_expired")
      }),
    )
  })

  test.describe("a RUN_FINISHED by the executor", () => {
    test(
      "suspends the run for all of its interrupts",
      Effect.gen(function* () {
        const expiresAt = DateTime.formatIso(yield* TestRuns.after("1 hour"))
        const interrupts = [
          { id: "a", reason: "confirmation", message: "Sure?", metadata: { deep: { er: [1] } } },
          {
            id: "b",
            reason: "tool_call",
            toolCallId: "call",
            responseSchema: { type: "string" },
            expiresAt,
            message: null,
          },
        ]
        yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
        const { runId } = yield* submit()
        yield* untilStatus(runId, "waiting")
        const { message: _, ...second } = interrupts[1]!
        deepStrictEqual((yield* log(runId)).at(-1)?.["outcome"], {
          type: "interrupt",
          interrupts: [interrupts[0], second],
        })
      }),
    )

    const wrong: ReadonlyArray<readonly [string, unknown]> = [
      ["no interrupts", undefined],
      ["an empty list", []],
      ["no list", "yes"],
      ["an interrupt without id", [{ reason: "confirmation" }]],
      [
        "one id twice",
        [
          { id: "a", reason: "x" },
          { id: "a", reason: "y" },
        ],
      ],
      ["an expiry that is no instant", [{ id: "a", reason: "x", expiresAt: "soon" }]],
    ]
    for (const [title, interrupts] of wrong) {
      test(
        `with ${title} fails the run as a bad event`,
        Effect.gen(function* () {
          yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
          const { runId } = yield* submit()
          const { error } = yield* untilStatus(runId, "failed")
          strictEqual(error?.code, "bad_event")
          assertTrue(error!.message.includes("outcome.interrupts"))
        }),
      )
    }

    test(
      "with more interrupts than fit into an event fails the run",
      Effect.gen(function* () {
        const interrupts = [{ id: "a", reason: "x", message: "m".repeat(245_000) }]
        yield* start(finishing({ outcome: { type: "interrupt", interrupts } }))
        const { runId } = yield* submit()
        strictEqual((yield* untilStatus(runId, "failed")).error?.code, "event_too_large")
      }),
    )

    test(
      "sets the result and metadata of the run, which are in the log too",
      Effect.gen(function* () {
        const extra = { result: { answer: 42 }, metadata: { tokens: 7 } }
        yield* start(finishing({ outcome: { type: "success" }, ...extra }))
        const { conversationId, runId } = yield* submit()
        const { metadata, result } = yield* untilStatus(runId, "completed")
        deepStrictEqual({ result, metadata }, extra)
        deepStrictEqual((yield* log(runId)).at(-1), {
          type: "RUN_FINISHED",
          threadId: conversationId,
          runId,
          outcome: { type: "success" },
          ...extra,
        })
      }),
    )

    test(
      "or a RUN_ERROR sets the metadata of the run",
      Effect.gen(function* () {
        yield* start(() =>
          Stream.make({ type: "RUN_ERROR", message: "no", code: "nope", metadata: { tokens: 7 } }),
        )
        const { runId } = yield* submit()
        const failed = yield* untilStatus(runId, "failed")
        deepStrictEqual(failed.error, { code: "nope", message: "no" })
        deepStrictEqual(failed.metadata, { tokens: 7 })
        deepStrictEqual((yield* log(runId)).at(-1)?.["metadata"], { tokens: 7 })
      }),
    )
  })
}
