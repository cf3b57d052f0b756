import { describe, expect, it } from "@effect/vitest"
import { AgentEvent } from "@runlease/core"
import * as EventOrder from "../src/EventOrder.js"

const { textContent, textEnd, textStart, toolCallArgs, toolCallEnd, toolCallStart } = AgentEvent
const started: AgentEvent.LogEvent = { type: "RUN_STARTED", threadId: "t", runId: "r" }
const finished: AgentEvent.LogEvent = { type: "RUN_FINISHED", threadId: "t", runId: "r" }

describe("EventOrder", () => {
  it("finds no violation in a valid run, and returns its text", () => {
    const events = [
      started,
      textStart("m"),
      toolCallStart("c", "search"),
      textContent("m", "Hel"),
      toolCallArgs("c", "{}"),
      textContent("m", "lo"),
      toolCallEnd("c"),
      textEnd("m"),
      finished,
    ]
    expect(EventOrder.violations(events, { ended: true })).toEqual([])
    expect(EventOrder.textOf(events)).toBe("Hello")
  })

  const broken: ReadonlyArray<readonly [string, ReadonlyArray<AgentEvent.LogEvent>]> = [
    ["event 1, TEXT_MESSAGE_CONTENT: it goes on with what is not open", [textContent("m", "x")]],
    ["event 1, TEXT_MESSAGE_END: it opens what is open, or closes what is not", [textEnd("m")]],
    [
      "event 3, TEXT_MESSAGE_START: message m began before",
      [textStart("m"), textEnd("m"), textStart("m"), textEnd("m")],
    ],
    ["event 3, RUN_STARTED: a run starts once, before all else", [textStart("m"), textEnd("m"), started]],
    ["event 2, CUSTOM: nothing comes after the end of the run", [finished, AgentEvent.custom("x", 1)]],
    ["event 3, RUN_FINISHED: something is still open", [started, textStart("m"), finished]],
    ["message m is still open at the end", [textStart("m")]],
    [
      "event 1, STEP_STARTED: STEP_STARTED must have a string in `stepName`, this has undefined",
      [{ type: "STEP_STARTED" }],
    ],
  ]
  for (const [sentence, events] of broken) {
    it(`finds: ${sentence}`, () => {
      expect(EventOrder.violations(events, { ended: true })).toEqual([sentence])
    })
  }

  it("allows open messages while more events may follow", () => {
    expect(EventOrder.violations([textStart("m")], { ended: false })).toEqual([])
  })
})
