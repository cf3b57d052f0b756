import { describe, expect, it } from "vitest"
import { newId } from "../web/src/pages/conversations/newId.js"
import { timelineOf, viewOf } from "../web/src/pages/conversations/timeline.js"
import { run } from "./runs.fixture.js"

const message = (text: string, created_at: string) => ({
  id: `01900000-0000-7000-8000-${created_at.replace(/\D/g, "").slice(2, 14)}`,
  conversation_id: "01900000-0000-7000-8000-000000000000",
  role: "user",
  parts: [{ type: "text", text }],
  parent_id: null,
  metadata: null,
  created_at,
})

describe("the timeline of a conversation", () => {
  const at = (second: number) => `2026-11-24T10:00:0${second}.000Z`

  it("is in the order of time, a message before the run of the same instant", () => {
    const items = timelineOf(
      [message("Hello", at(1))],
      [run({ created_at: at(3) }), run({ created_at: at(1) })],
    )
    expect(items.map(({ type }) => type)).toEqual(["message", "run", "run"])
  })

  it("leaves out the title of a run that the message above says", () => {
    const [, said, another] = timelineOf(
      [message("Fix the test,\nand push it", at(1))],
      [
        run({ created_at: at(2), title: "Fix the test, and push…" }),
        run({ created_at: at(3), title: "Say hello" }),
      ],
    )
    expect(said).toMatchObject({ type: "run", isTitled: false })
    expect(another).toMatchObject({ type: "run", isTitled: true })
  })

  it("shows each part of a message by its type", () => {
    expect(viewOf({ type: "text", text: "Hello" })).toEqual({ type: "text", text: "Hello" })
    expect(viewOf({ type: "tool_call", toolName: "shell", args: '{"command":"ls"}' })).toEqual({
      type: "call",
      name: "shell",
      json: '{\n  "command": "ls"\n}',
    })
    expect(viewOf({ type: "tool_result", result: "no JSON", isError: true })).toEqual({
      type: "result",
      json: "no JSON",
      isError: true,
    })
    expect(viewOf({ type: "file", mediaType: "image/png" })).toEqual({ type: "file", name: "image/png" })
    expect(viewOf({ type: "poll", question: 1 })).toEqual({
      type: "other",
      name: "poll",
      json: '{\n  "question": 1\n}',
    })
  })
})

describe("a new id", () => {
  it("is a UUID of version 7 that begins with its time", () => {
    const id = newId(0x0190_1234_5678)
    expect(id).toMatch(/^01901234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(newId(0x0190_1234_5678)).not.toBe(id)
  })
})
