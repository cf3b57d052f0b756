import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, Option } from "effect"
import * as Edits from "../src/model/Edits.js"
import type { Answer, Interrupt } from "../src/model/Interrupt.js"
import * as RequestSnapshot from "../src/model/RequestSnapshot.js"
import { RunId } from "../src/model/Ids.js"
import * as ResumeRules from "../src/ports/ResumeRules.js"

const schemas = FastCheck.constantFrom(
  undefined,
  {},
  { type: "string" },
  { type: "object", properties: {} },
  { type: "object", properties: { approved: true } },
  { type: "object", properties: { editedArgs: {} } },
  Edits.approvalSchema,
  Edits.approvalSchemaOf({}),
  Edits.approvalSchemaOf({ $defs: { A: {} }, $ref: "#/$defs/A" }),
)

const interrupts = FastCheck.record(
  {
    id: FastCheck.constantFrom("a", "b"),
    reason: FastCheck.constantFrom("tool_call", "confirmation", "input_required"),
    toolCallId: FastCheck.constant("call"),
    clientTool: FastCheck.boolean(),
    responseSchema: schemas,
  },
  { requiredKeys: ["id", "reason"] },
).map((all) => all as Interrupt)

const answers = FastCheck.record(
  {
    status: FastCheck.constantFrom("resolved", "resolved", "cancelled"),
    isError: FastCheck.boolean(),
    payload: FastCheck.oneof(
      FastCheck.constantFrom(true, "yes", null),
      FastCheck.record(
        {
          approved: FastCheck.constantFrom(true, true, true, false, "true"),
          reason: FastCheck.string(),
          editedArgs: FastCheck.constantFrom(null, undefined, false, {}, { euros: 3 }, []),
        },
        { requiredKeys: ["approved", "editedArgs"] },
      ),
    ),
  },
  { requiredKeys: ["status"] },
)

describe("edits", () => {
  it("pass only with an approval, to a question that allows them", () => {
    let passed = 0
    FastCheck.assert(
      FastCheck.property(interrupts, answers, (interrupt, given) => {
        const answer = { interruptId: interrupt.id, ...given } as Answer
        const waiting = { interrupts: [interrupt], answers: [], expiresAt: null }
        const run = { runId: RunId.make("run-1"), waiting }
        const record = { snapshot: RequestSnapshot.empty, answers: {} }
        const applied = ResumeRules.applyAnswers(run, record, [answer], ["message"], "Ann")
        const edits = Edits.of(answer)
        const isAnApproval = Edits.isApproval(interrupt)
        const mayPass = Option.isSome(Edits.schemaOf(interrupt)) && Edits.approved(answer)
        expect(Either.isRight(applied)).toBe(Option.isNone(edits) || !isAnApproval || mayPass)
        if (Either.isLeft(applied)) return
        // The log has the edits that passed, and who made them.
        const isLogged = JSON.stringify(applied.right.events).includes("edited_args")
        expect(isLogged).toBe(Option.isSome(edits) && isAnApproval)
        if (isLogged) passed += 1
      }),
      { numRuns: 4_000, seed: 46 },
    )
    expect(passed).toBeGreaterThan(20)
  })

  it("have the definitions of the question's schema", () => {
    const edits = { $ref: "#/$defs/A", $defs: { A: { type: "string" } } }
    const interrupt = { id: "a", reason: "confirmation", responseSchema: Edits.approvalSchemaOf(edits) }
    expect(Edits.schemaOf(interrupt)).toEqual(Option.some(edits))
  })
})
