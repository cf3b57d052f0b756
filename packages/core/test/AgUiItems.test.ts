import { AgentEvent } from "@runlease/core"
import * as AgUiItems from "@runlease/core/executor/AgUiItems"
import { describe, expect, it } from "vitest"

const isOfItem = (type: string) =>
  /_(START|STARTED|CONTENT|ARGS|END|FINISHED|CHUNK)$|^SUBAGENT_/.test(type) && !type.startsWith("RUN_")

describe("the items of AG-UI", () => {
  it("have each event that begins, continues or ends something", () => {
    const types = AgentEvent.eventTypes.filter(isOfItem)
    expect(types.filter((type) => AgUiItems.useOf(type) === undefined)).toEqual([])
    expect(AgentEvent.eventTypes.filter((type) => !isOfItem(type) && AgUiItems.useOf(type))).toEqual([])
    expect(types.length).toBe(19)
  })

  it("have the field that the schema of each event demands", () => {
    for (const type of AgentEvent.eventTypes) {
      const use = AgUiItems.useOf(type)
      if (use === undefined || use.action === "chunk") continue
      const { [use.item.field]: _, ...rest } = {
        type,
        messageId: "m",
        toolCallId: "c",
        toolCallName: "t",
        stepName: "s",
        subagentRunId: "a",
        name: "n",
        role: "reasoning",
        delta: "d",
        message: "m",
      } as Record<string, unknown>
      expect(AgentEvent.problemOf(rest)).toContain(`\`${use.item.field}\``)
    }
  })

  it("are opened by the event that a log lacks before one that continues them", () => {
    for (const type of ["TEXT_MESSAGE_CONTENT", "TOOL_CALL_ARGS", "REASONING_MESSAGE_CONTENT"]) {
      const opening = AgUiItems.openingOf({ type, messageId: "m", toolCallId: "c", delta: "" })
      expect(AgentEvent.problemOf(opening)).toBeUndefined()
    }
    expect(AgUiItems.openingOf({ type: "TEXT_MESSAGE_END", messageId: "m" })).toBeUndefined()
  })
})
