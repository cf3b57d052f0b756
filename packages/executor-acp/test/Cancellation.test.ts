import { AgentEvent, type Ids, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { ports, scripted, type Step, until } from "./Agents.js"
import { startRun } from "./AgentWorkers.js"

const call = (toolCallId: string, status: string): Step => ({
  update: { sessionUpdate: "tool_call", toolCallId, title: "Run", status, rawInput: { a: 1 } },
})

/** The agent's ids of calls with a result, with the failure if there is one. */
const resultsOf = (runId: Ids.RunId) =>
  Effect.map(TestRuns.eventsOf(runId), (events) =>
    events.flatMap((event) =>
      event.type === "TOOL_CALL_RESULT"
        ? [[String(event["toolCallId"]).split("-")[0], AgentEvent.isToolCallFailure(event), event["content"]]]
        : [],
    ),
  )

const cancelled = (toolCallId: string) => [toolCallId, true, "This tool call was cancelled"]

describe("unfinished tool calls", () => {
  it.live("are marked as cancelled when a user cancels the run", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({
        steps: [
          call("done", "completed"),
          call("running", "in_progress"),
          call("next", "pending"),
          { hang: true },
        ],
      })
      const { runId } = yield* startRun(subject)
      yield* until(TestRuns.eventsOf(runId), (events) =>
        events.some(
          (event) => event.type === "TOOL_CALL_START" && String(event["toolCallId"]).startsWith("next"),
        ),
      )
      yield* Effect.flatMap(Runs.Runs, (runs) => runs.cancel(runId))
      deepStrictEqual(yield* resultsOf(runId), [["done", false, ""], cancelled("running"), cancelled("next")])
      yield* until(subject.notes, (notes) => notes.some((note) => "cancel" in note))
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("are marked as cancelled when the run waits for an answer, except for those in question", () =>
    Effect.gen(function* () {
      const permission = { title: "Edit a", kind: "edit", rawInput: { path: "/a" } }
      const subject = yield* scripted(
        {
          capabilities: { loadSession: true },
          steps: [call("running", "in_progress"), call("next", "pending"), { permission }],
        },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      yield* until(TestRuns.getRun(runId), ({ status }) => status === "waiting")
      deepStrictEqual(yield* resultsOf(runId), [cancelled("running"), cancelled("next")])
      assertTrue((yield* TestRuns.typesOf(runId)).at(-1) === "RUN_FINISHED")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
