import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, type Ids, type Interrupt, Interrupts, Runs } from "@runlease/core"
import { TestRuns, TestWorker } from "@runlease/testkit"
import { Effect, Stream } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { test, until } from "./Runs.js"

const approval = { id: "approve", reason: "confirmation", message: "Deploy?", metadata: { a: 1 } }
const lookup = { id: "lookup", reason: "tool_call", toolCallId: "c" }
const colour = { id: "colour", reason: "input_required", responseSchema: { type: "string" } }

const interrupting = (...interrupts: ReadonlyArray<object>) => ({
  outcome: { type: "interrupt", interrupts },
})

const untilStatus = (runId: Ids.RunId, status: string) =>
  until(TestRuns.getRun(runId), (run) => run.status === status)

const resume = (runId: Ids.RunId, ...answers: Interrupt.Answers) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, answers))

/** An agent that raises two interrupts, then one, and each time calls a tool with the same id. */
const asking = Peer.serve(async ({ begin, finished, input, send, started }) => {
  begin()
  await send(started)
  const answered = new Set(input.resume?.map(({ interruptId }) => interruptId))
  if (answered.has("colour")) return send(finished({ result: "done" }))
  await send(
    { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
    { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
    { type: "TOOL_CALL_END", toolCallId: "c" },
  )
  return send(
    finished(
      answered.has("approve")
        ? interrupting(colour, { ...lookup, id: "again" })
        : interrupting(approval, lookup),
    ),
  )
})

describe("an agent's interrupts", () => {
  test(
    "have their answers in a retry of a run that failed behind them",
    Effect.gen(function* () {
      const requests: Array<unknown> = []
      const agent = yield* Peer.serve(async ({ begin, finished, input, send, started }) => {
        requests.push(input.resume?.map(({ interruptId }) => interruptId))
        begin()
        await send(started)
        if (input.resume === undefined) return send(finished(interrupting(approval)))
        return send(
          requests.length === 2 ? { type: "RUN_ERROR", message: "No" } : finished({ result: "done" }),
        )
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute)
      const { runId } = yield* TestRuns.submit()
      yield* untilStatus(runId, "waiting")
      yield* resume(runId, { interruptId: "approve", status: "resolved", payload: { approved: true } })
      yield* untilStatus(runId, "failed")
      const { run } = yield* Effect.flatMap(Runs.Runs, (runs) => runs.retry(runId))
      yield* untilStatus(run.runId, "completed")
      deepStrictEqual(requests, [undefined, ["approve"], ["approve"]])
    }),
  )

  test(
    "become the run's, and the next request has their answers",
    Effect.gen(function* () {
      const agent = yield* asking
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute)
      const { conversationId, runId } = yield* TestRuns.submit()

      const first = yield* untilStatus(runId, "waiting")
      deepStrictEqual(
        first.waiting?.interrupts.map(({ id, message, metadata, reason, toolCallId }) => ({
          id,
          message,
          metadata,
          reason,
          toolCallId,
        })),
        [
          { ...approval, toolCallId: undefined },
          { ...lookup, message: undefined, metadata: undefined },
        ],
      )
      yield* resume(runId, { interruptId: "approve", status: "resolved", payload: { approved: true } })
      strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
      yield* resume(runId, {
        interruptId: "lookup",
        status: "resolved",
        payload: { found: 1 },
        isError: false,
        metadata: { by: "Ann" },
      })

      const second = yield* until(
        TestRuns.getRun(runId),
        ({ waiting }) => waiting?.interrupts[0]?.id === "colour",
      )
      // The run already has a call with that id.
      deepStrictEqual(
        second.waiting?.interrupts.map(({ id, toolCallId }) => [id, toolCallId]),
        [
          ["colour", undefined],
          ["again", "c-2"],
        ],
      )
      yield* resume(
        runId,
        { interruptId: "colour", status: "cancelled" },
        { interruptId: "again", status: "resolved", payload: "twice" },
      )
      yield* untilStatus(runId, "completed")

      deepStrictEqual(
        agent.calls.map(({ input }) => ({
          threadId: input.threadId,
          runId: input.runId,
          parentRunId: input.parentRunId,
          resume: input.resume,
          // A result comes right behind the agent's turn with its call, which is in the log only.
          tools: input.messages.flatMap((message) =>
            message.role === "tool"
              ? [[message.toolCallId, message.content]]
              : message.role === "assistant"
                ? (message.toolCalls ?? []).map(({ function: { name }, id }) => [id, name])
                : [],
          ),
        })),
        [
          { threadId: conversationId, runId, parentRunId: undefined, resume: undefined, tools: [] },
          {
            threadId: conversationId,
            runId: `${runId}.2`,
            parentRunId: undefined,
            resume: [
              { interruptId: "approve", status: "resolved", payload: { approved: true } },
              {
                interruptId: "lookup",
                status: "resolved",
                payload: { found: 1 },
                metadata: { by: "Ann", runlease: { isError: false } },
              },
            ],
            tools: [
              ["c", "look"],
              ["c", '{"found":1}'],
            ],
          },
          {
            threadId: conversationId,
            runId: `${runId}.3`,
            parentRunId: undefined,
            resume: [
              { interruptId: "colour", status: "cancelled" },
              { interruptId: "again", status: "resolved", payload: "twice" },
            ],
            // The agent gets its own id for both calls.
            tools: [
              ["c", "look"],
              ["c", '{"found":1}'],
              ["c", "look"],
              ["c", "twice"],
            ],
          },
        ],
      )
    }),
  )

  test(
    "are answered again, if the attempt that resumed the agent died",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async ({ begin, die, finished, input, send, started }) => {
        begin()
        await send(started)
        if (input.resume === undefined) return send(finished(interrupting(approval)))
        if (agent.calls.length === 2) return die()
        return send(finished())
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute, { retryDelay: () => 0 })
      const { runId } = yield* TestRuns.submit()
      yield* untilStatus(runId, "waiting")
      const answer = { interruptId: "approve", status: "resolved" } as const
      yield* resume(runId, answer)
      yield* untilStatus(runId, "completed")
      deepStrictEqual(
        agent.calls.map(({ input }) => [input.runId, input.resume]),
        [
          [runId, undefined],
          [`${runId}.2`, [answer]],
          [`${runId}.3`, [answer]],
        ],
      )
    }),
  )

  test(
    "do not include interrupts that another part of the worker raised",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async ({ begin, finished, send, started }) => {
        begin()
        await send(started, finished())
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start((run) =>
        Stream.unwrap(
          Effect.as(
            Effect.mapError(Interrupts.approve("first", { message: "Go?" }), Executor.toFailure),
            Executor.toStream(executor.execute)(run),
          ),
        ),
      )
      const { runId } = yield* TestRuns.submit()
      yield* untilStatus(runId, "waiting")
      yield* resume(runId, { interruptId: "first", status: "resolved", payload: true })
      yield* untilStatus(runId, "completed")
      strictEqual(agent.calls[0]?.input.resume, undefined)
    }),
  )

  test(
    "fail the run, if their list is empty",
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async ({ begin, finished, send, started }) => {
        begin()
        await send(started, finished({ outcome: { type: "interrupt", interrupts: [] } }))
      })
      const executor = yield* Peer.make({ url: agent.url })
      yield* TestWorker.start(executor.execute)
      const { runId } = yield* TestRuns.submit()
      const { error } = yield* untilStatus(runId, "failed")
      strictEqual(error?.code, "ag_ui_protocol_violation")
    }),
  )
})
