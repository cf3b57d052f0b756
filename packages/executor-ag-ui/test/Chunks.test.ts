import { deepStrictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, test } from "./Runs.js"

/** The events of the log for this stream, without the end of the run. */
const logged = (...sent: ReadonlyArray<Peer.Event>) =>
  Effect.gen(function* () {
    const agent = yield* Peer.serve(async ({ begin, finished, response, send, started }) => {
      begin()
      await send(started, ...sent, finished())
      response.end()
    })
    const executor = yield* Peer.make({ url: agent.url })
    const run = yield* claimed()
    const { events } = yield* execute(executor, run)
    return { run, events: events.slice(0, -1) }
  })

describe("chunks become", () => {
  test(
    "a start, contents and an end, with all fields",
    Effect.gen(function* () {
      const { events } = yield* logged(
        { type: "TEXT_MESSAGE_CHUNK", messageId: "m", name: "Ann", metadata: { a: 1 } },
        { type: "TEXT_MESSAGE_CHUNK", delta: "Hel", rawEvent: { b: 2 } },
        { type: "TEXT_MESSAGE_CHUNK", delta: "lo", metadata: { c: 3 }, later: true },
        { type: "TEXT_MESSAGE_CHUNK", metadata: { d: 4 } },
      )
      deepStrictEqual(events, [
        { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant", name: "Ann", metadata: { a: 1 } },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hel", rawEvent: { b: 2 } },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "lo", metadata: { c: 3 }, later: true },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "", metadata: { d: 4 } },
        { type: "TEXT_MESSAGE_END", messageId: "m" },
      ])
    }),
  )

  test(
    "separate items for each agent, also when interleaved",
    Effect.gen(function* () {
      const ofSubagent = { subagentRunId: "sub" }
      const { events } = yield* logged(
        { type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "look", delta: "{" },
        { type: "TEXT_MESSAGE_CHUNK", messageId: "n", delta: "B", ...ofSubagent },
        { type: "TOOL_CALL_CHUNK", delta: "}" },
        { type: "TEXT_MESSAGE_CHUNK", delta: "ye" },
        { type: "CUSTOM", name: "n", value: 1, ...ofSubagent },
        { type: "CUSTOM", name: "n", value: 2 },
      )
      deepStrictEqual(events, [
        { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
        { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{" },
        { type: "TEXT_MESSAGE_START", messageId: "n", role: "assistant", ...ofSubagent },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "n", delta: "B", ...ofSubagent },
        { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "}" },
        { type: "TEXT_MESSAGE_CONTENT", messageId: "n", delta: "ye", ...ofSubagent },
        { type: "TEXT_MESSAGE_END", messageId: "n", ...ofSubagent },
        { type: "CUSTOM", name: "n", value: 1, ...ofSubagent },
        { type: "TOOL_CALL_END", toolCallId: "c" },
        { type: "CUSTOM", name: "n", value: 2 },
      ])
    }),
  )
})

describe("thinking of an older agent", () => {
  test(
    "becomes reasoning, with ids that no other run has",
    Effect.gen(function* () {
      const { events, run } = yield* logged(
        { type: "THINKING_START", title: "Let me see" },
        { type: "THINKING_TEXT_MESSAGE_START" },
        { type: "THINKING_TEXT_MESSAGE_CONTENT", delta: "Hm" },
        { type: "THINKING_TEXT_MESSAGE_END" },
        { type: "THINKING_END" },
      )
      const span = `${run.runId}-thinking-1`
      const message = `${run.runId}-thinking-2`
      deepStrictEqual(events, [
        { type: "REASONING_START", messageId: span },
        { type: "REASONING_MESSAGE_START", messageId: message, role: "reasoning" },
        { type: "REASONING_MESSAGE_CONTENT", messageId: message, delta: "Hm" },
        { type: "REASONING_MESSAGE_END", messageId: message },
        { type: "REASONING_END", messageId: span },
      ])
    }),
  )
})
