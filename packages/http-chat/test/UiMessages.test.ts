import { describe, expect, it } from "@effect/vitest"
import * as UiMessages from "../src/internal/UiMessages.js"

const message = (parts: ReadonlyArray<{ readonly type: string; readonly [key: string]: unknown }>) => ({
  id: "a",
  role: "assistant" as const,
  parts,
  metadata: { runId: "run" },
})

const call = (state: string, more: object = {}) => ({
  type: "tool-weather",
  toolCallId: "c",
  state,
  input: { city: "Oslo" },
  ...more,
})

const toolCall = { type: "tool_call", toolCallId: "c", toolName: "weather", args: '{"city":"Oslo"}' }

describe("messages of a page", () => {
  it("are those of a request, step by step, and lose nothing", () => {
    const file = {
      type: "file",
      mediaType: "image/png",
      url: "data:image/png;base64,AA==",
      filename: "a.png",
    }
    const user = { id: "u", role: "user" as const, parts: [{ type: "text", text: "?" }, file] }
    const source = { type: "source-url", sourceId: "s", url: "https://tides.example" }
    expect(
      UiMessages.toSnapshot(
        [
          user,
          message([
            { type: "step-start" },
            { type: "reasoning", id: "r", text: "cold", state: "done" },
            { type: "data-encrypted", id: "r", data: { entityId: "r", encryptedValue: "x" } },
            call("output-available", { output: { degrees: 3 }, title: "Weather" }),
            { type: "steering-message", id: "told", parts: [{ type: "text", text: "Be brief" }] },
            { type: "step-start" },
            { type: "text", text: "Cold", state: "done" },
            source,
            { type: "data-progress", data: 1 },
          ]),
        ],
        false,
      ),
    ).toEqual([
      user,
      {
        id: "a",
        role: "assistant",
        parts: [
          { type: "reasoning", id: "r", text: "cold", encryptedValue: "x" },
          { ...toolCall, title: "Weather" },
          { type: "tool_result", toolCallId: "c", result: '{"degrees":3}' },
        ],
        metadata: { runId: "run" },
      },
      { id: "told", role: "user", parts: [{ type: "text", text: "Be brief" }] },
      {
        id: "a.2",
        role: "assistant",
        parts: [{ type: "text", text: "Cold" }, source, { type: "data-progress", data: 1 }],
      },
    ])
  })

  it("have a result for each call that has one", () => {
    const resultsOf = (part: ReturnType<typeof call>) =>
      UiMessages.toSnapshot([message([part])], false)[0]!.parts.slice(1)
    const result = (text: string) => [{ type: "tool_result", toolCallId: "c", result: text, isError: true }]
    expect(resultsOf(call("input-available"))).toEqual([])
    expect(resultsOf(call("output-available", { output: 1, preliminary: true }))).toEqual([])
    expect(resultsOf(call("output-error", { errorText: "No" }))).toEqual(result("No"))
    expect(resultsOf(call("output-denied", { approval: { id: "c", approved: false } }))).toEqual(
      result("This call was not approved"),
    )
  })

  it("answer approvals and calls", () => {
    const approval = { id: "p", approved: false, reason: "No" }
    expect(
      UiMessages.answersOf(
        message([
          { ...call("approval-responded", { approval }), toolCallId: "b" },
          call("output-available", { output: { degrees: 3 } }),
          { ...call("output-error", { errorText: "Broken" }), toolCallId: "d" },
          { ...call("approval-requested"), toolCallId: "e" },
        ]),
      ),
    ).toEqual([
      { interruptId: "p", status: "resolved", payload: { approved: false, reason: "No" } },
      { interruptId: "c", status: "resolved", payload: { degrees: 3 } },
      { interruptId: "d", status: "resolved", payload: "Broken", isError: true },
    ])
  })
})
