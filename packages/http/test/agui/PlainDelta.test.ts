import { EventSchemas } from "@ag-ui/core/schemas"
import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
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
        assertTrue(
          PlainDelta.is({ type, [type === "TOOL_CALL_ARGS" ? "toolCallId" : "messageId"]: id, delta }),
        )
      }),
    )
  })

  it("is an event that the schema takes as it is, for clients of any version", () => {
    FastCheck.assert(
      FastCheck.property(event, (given) => {
        if (!PlainDelta.is(given)) return
        assertTrue(EventSchemas.safeParse(given).success)
        strictEqual(KnownFields.of(given), given)
        strictEqual(OlderForm.of(given), given)
      }),
      { numRuns: 2000 },
    )
  })
})
