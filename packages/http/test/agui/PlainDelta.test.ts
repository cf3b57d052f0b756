import { EventSchemas } from "@ag-ui/core/schemas"
import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as KnownFields from "../../src/agui/KnownFields.js"
import * as OlderForm from "../../src/agui/OlderForm.js"
import * as PlainDelta from "../../src/agui/PlainDelta.js"

const types = ["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_ARGS"]
const text = FastCheck.string({ unit: "binary" })
const value = FastCheck.oneof(text, FastCheck.constantFrom(null, 1, undefined, {}))

const event = FastCheck.record(
  {
    type: FastCheck.constantFrom(...types, "TEXT_MESSAGE_START", "RUN_ERROR", "constructor"),
    messageId: value,
    toolCallId: value,
    delta: value,
    subagentRunId: value,
    other: value,
  },
  { requiredKeys: ["type"] },
)

describe("PlainDelta", () => {
  it("is every delta that has nothing beside it", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.constantFrom(...types), text, text, (type, id, delta) => {
        const idField = type === "TOOL_CALL_ARGS" ? "toolCallId" : "messageId"
        expect(PlainDelta.is({ type, [idField]: id, delta })).toBe(true)
      }),
    )
  })

  it("is an event that the schema takes as it is, for clients of any version", () => {
    FastCheck.assert(
      FastCheck.property(event, (given) => {
        if (!PlainDelta.is(given)) return
        expect(EventSchemas.safeParse(given).success).toBe(true)
        expect(KnownFields.of(given)).toBe(given)
        expect(OlderForm.of(given)).toBe(given)
      }),
      { numRuns: 2000 },
    )
  })
})
