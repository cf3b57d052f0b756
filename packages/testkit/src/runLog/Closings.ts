/** RunLog suite: the events that the control plane itself adds when an attempt or a run ends. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "a claim closes what a dead attempt left open, and marks that attempt",
    Effect.gen(function* () {
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const claimed = yield* TestRuns.hold(worker)
      yield* TestRuns.append(claimed, [
        AgentEvent.stepStarted("closed"),
        AgentEvent.stepFinished("closed"),
        AgentEvent.stepStarted("plan"),
        { type: "SUBAGENT_STARTED", subagentRunId: "sub", name: "helper" },
        { type: "REASONING_START", messageId: "r" },
        { type: "REASONING_MESSAGE_START", messageId: "r", role: "reasoning" },
        AgentEvent.textStart("m"),
        AgentEvent.textContent("m", "Hel"),
        AgentEvent.toolCallStart("call", "search"),
      ])
      const { latestEventId } = yield* TestRuns.getRun(claimed.runId)
      yield* TestRuns.lapse
      const again = yield* TestRuns.claimOne(other)
      const closings = yield* TestRuns.eventsOf(claimed.runId, latestEventId)
      deepStrictEqual(
        closings.map((each) => each.type),
        [
          "TOOL_CALL_END",
          "TEXT_MESSAGE_END",
          "REASONING_MESSAGE_END",
          "REASONING_END",
          "SUBAGENT_ERROR",
          "STEP_FINISHED",
          "CUSTOM",
        ],
      )
      deepStrictEqual(closings.at(-1), {
        type: "CUSTOM",
        name: "runlease.attempt",
        value: {
          previous: { attempt: 1, worker_id: worker, ended: "lease_expired" },
          attempt: 2,
          worker_id: other,
        },
      })
      strictEqual(again.latestEventId, latestEventId + closings.length)
      // The control plane's own events take no step of the sequence.
      strictEqual(again.latestSequence, 9)
    }),
  )

  test(
    "a cancellation adds a failed result to each tool call without one",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const call = (id: string) => [AgentEvent.toolCallStart(id, "search"), AgentEvent.toolCallEnd(id)]
      yield* TestRuns.append(claimed, [
        ...call("answered"),
        AgentEvent.toolCallResult("answer", "answered", "found"),
        ...call("running"),
        AgentEvent.toolCallStart("written", "search"),
      ])
      const { latestEventId } = yield* TestRuns.getRun(claimed.runId)
      const runs = yield* Runs
      yield* runs.cancel(claimed.runId)
      const closings = yield* TestRuns.eventsOf(claimed.runId, latestEventId)
      deepStrictEqual(
        closings.map(({ toolCallId, type }) => [type, toolCallId]),
        [
          ["TOOL_CALL_RESULT", "running"],
          ["TOOL_CALL_END", "written"],
          ["TOOL_CALL_RESULT", "written"],
          ["RUN_FINISHED", undefined],
        ],
      )
      for (const event of closings.filter(({ type }) => type === "TOOL_CALL_RESULT")) {
        assertTrue(AgentEvent.isToolCallFailure(event))
        strictEqual(event["content"], "This tool call was cancelled")
      }
    }),
  )

  test(
    "the end of a run closes what is open",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [AgentEvent.stepStarted("plan"), AgentEvent.textStart("m")])
      yield* TestRuns.complete(claimed)
      deepStrictEqual(yield* TestRuns.typesOf(claimed.runId, 3), [
        "TEXT_MESSAGE_END",
        "STEP_FINISHED",
        "RUN_FINISHED",
      ])
    }),
  )
}
