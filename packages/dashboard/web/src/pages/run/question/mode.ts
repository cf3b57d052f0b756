/** How a question is answered: which form it gets. */
import { type Field, fieldsOf, initialOf, isSecret, isText, type Values } from "../../../form/schema"
import type { Question } from "../model/questions"

export type Mode =
  /**
   * Yes or no, with what else the schema wants. `member`: yes and no are a member of the answer. `edits`: what may be edited before, which
   * is as the question shows it first.
   */
  | {
      readonly kind: "approval"
      readonly edits: Field | undefined
      readonly fields: ReadonlyArray<Field>
      readonly initial: Values
      readonly member: boolean
    }
  | { readonly kind: "form"; readonly fields: ReadonlyArray<Field>; readonly initial: Values }
  | { readonly kind: "text"; readonly isSecret: boolean }
  | { readonly kind: "json"; readonly initial: string }
  /** The result of a tool that the client has. */
  | { readonly kind: "result" }
  | { readonly kind: "budget" }

const isApproval = ({ reason, schema, toolCallId }: Question): boolean =>
  reason === "confirmation" || (schema === undefined && (reason === "tool_call" || toolCallId !== undefined))

/** The member of an approval that has edits, as AG-UI names it. */
export const editsName = "editedArgs"

/** What a question is about, as its edits begin. */
const shownIn = ({ metadata, toolArguments }: Question): unknown => toolArguments ?? metadata?.["about"]

export const modeOf = (question: Question): Mode => {
  if (question.clientTool) return { kind: "result" }
  if (question.reason === "budget") return { kind: "budget" }
  const fields = fieldsOf(question.schema)
  const initial = initialOf(question.schema)
  const approved = fields?.find(({ kind, name }) => name === "approved" && kind === "boolean")
  if (fields !== undefined && (approved !== undefined || isApproval(question))) {
    const edits = approved === undefined ? undefined : fields.find(({ name }) => name === editsName)
    return {
      kind: "approval",
      edits: edits && { ...edits, label: "What to do instead", required: true },
      fields: fields.filter((field) => field !== approved && field !== edits),
      initial: edits === undefined ? initial : { ...initial, [editsName]: shownIn(question) },
      member: approved !== undefined,
    }
  }
  if (fields !== undefined) return { kind: "form", fields, initial }
  if (question.schema === undefined) {
    return isApproval(question)
      ? { kind: "approval", edits: undefined, fields: [], initial: {}, member: true }
      : { kind: "text", isSecret: false }
  }
  if (isText(question.schema) && question.schema["enum"] === undefined) {
    return { kind: "text", isSecret: isSecret(question.schema) }
  }
  return {
    kind: "json",
    initial: "default" in question.schema ? JSON.stringify(question.schema["default"], null, 2) : "",
  }
}

/** What a form has besides the edits: a no has none. */
const withoutEdits = (values: Values): Values => {
  const { [editsName]: _, ...others } = values
  return others
}

/** An answer on its way to the API. */
export interface Reply {
  readonly status: "resolved" | "cancelled"
  readonly payload?: unknown
}

/** Yes: the values of the form, with `approved` where the schema has it. */
export const approving = (mode: Mode & { readonly kind: "approval" }, values: Values): Reply => ({
  status: "resolved",
  payload: mode.member ? { ...values, approved: true } : values,
})

/** No: what the schema has for it; without that the question is declined. */
export const declining = (mode: Mode & { readonly kind: "approval" }, values: Values): Reply =>
  mode.member
    ? { status: "resolved", payload: { ...withoutEdits(values), approved: false } }
    : { status: "cancelled" }

/** What the command answers: what the form begins with. */
export const sampleOf = (mode: Mode): unknown => {
  switch (mode.kind) {
    case "approval":
      return approving(mode, withoutEdits(mode.initial)).payload
    case "form":
      return mode.initial
    case "text":
      return "ANSWER"
    default:
      return {}
  }
}
