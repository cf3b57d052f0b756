/**
 * Edits of what a person approves: the question says by a JSON Schema what may be edited, and the answer has it edited.
 *
 * The field is that of AG-UI: `responseSchema.properties.editedArgs` of the question, `payload.editedArgs` of the answer. A question whose
 * schema has no such property allows no edit.
 *
 * Source: docs/decisions/0143-approvals-with-edits.md
 */
import { Option, Predicate } from "effect"
import { type Answer, asksApproval, type Interrupt } from "./Interrupt.js"

type JsonSchema = Readonly<Record<string, unknown>>

/** The field of a payload that has the edits. */
export const field = "editedArgs"

/** The most bytes of JSON that edits take. */
export const maxBytes = 65_536

/** The JSON Schema of an answer that approves or not, with the reason of the person. */
export const approvalSchema = {
  type: "object",
  properties: { approved: { type: "boolean" }, reason: { type: "string" } },
  required: ["approved"],
}

/** The JSON Schema of an answer that approves, with edits that fit a schema. Definitions of that schema become those of the whole. */
export const approvalSchemaOf = ({ $defs, ...edits }: JsonSchema): JsonSchema => ({
  ...approvalSchema,
  properties: { ...approvalSchema.properties, [field]: edits },
  ...($defs === undefined ? {} : { $defs }),
})

/** Whether a question is one of whether something may be done, such as a call of a tool. */
export const isApproval = (interrupt: Interrupt): boolean =>
  interrupt.clientTool !== true &&
  (interrupt.toolCallId !== undefined || interrupt.reason === "confirmation" || asksApproval(interrupt))

/** The JSON Schema of the edits that a question allows; none where it allows none. */
export const schemaOf = (interrupt: Interrupt): Option.Option<JsonSchema> => {
  const { responseSchema } = interrupt
  const properties = responseSchema?.["properties"]
  if (!Predicate.isRecord(properties) || !Object.hasOwn(properties, field)) return Option.none()
  if (!isApproval(interrupt)) return Option.none()
  const edits = properties[field]
  if (!Predicate.isRecord(edits)) return Option.some({})
  const definitions = responseSchema?.["$defs"]
  return Option.some(definitions === undefined ? edits : { ...edits, $defs: definitions })
}

/** The edits of an answer. `null` is none, as forms send it. */
export const of = ({ payload }: Pick<Answer, "payload">): Option.Option<unknown> =>
  Predicate.isRecord(payload) && Object.hasOwn(payload, field)
    ? Option.fromNullable(payload[field])
    : Option.none()

/** Whether an answer approves: it is `true` or `{ approved: true }`. Any other answer does not. */
export const approved = ({ isError, payload, status }: Answer): boolean =>
  status === "resolved" &&
  isError !== true &&
  (payload === true || (Predicate.isRecord(payload) && payload["approved"] === true))

/** What a person decided. `reason`: the text of the person, as it was written. */
export interface Decision {
  readonly approved: boolean
  readonly reason?: string
}

const reasonIn = (payload: unknown): unknown => (Predicate.isRecord(payload) ? payload["reason"] : payload)

/** The decision of an answer. Its reason is `reason` of the payload, or a payload that is text. An empty one is none. */
export const decisionOf = (answer: Answer): Decision => {
  const reason = reasonIn(answer.payload)
  return {
    approved: approved(answer),
    ...(Predicate.isString(reason) && reason.trim() !== "" ? { reason } : {}),
  }
}
