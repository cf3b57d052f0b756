/** Where on the page of a run a fork begins, and the value there that may be edited. */
import type { Schema } from "../../../form/schema"
import type { QuestionPart, StepPart, TextPart, ToolPart } from "./parts"
import type { Answer } from "./questions"
import { parseJson } from "./sentences"

/** A value that a fork may have another one for. `schema`: that of the value, or the payload of the agent. */
export interface Editable {
  readonly label: string
  /** Undefined where there is none yet. */
  readonly value: unknown
  readonly isText: boolean
  readonly schema?: Schema | "payload" | undefined
  /** The edit as the API takes it. */
  readonly edit: (value: unknown) => Readonly<Record<string, unknown>>
}

/** `after`: the event after which the fork continues. */
export interface ForkOrigin {
  readonly after: number
  readonly editable?: Editable | undefined
}

export const ofStep = (part: StepPart): ForkOrigin | undefined => {
  const { codec, error, eventId, name, recorded, result, step, stepId } = part
  if (recorded === null && error === null) return undefined
  const after = recorded ?? eventId
  if (step !== "step") return { after }
  return {
    after,
    editable: {
      label: `Result of ${name}`,
      value: codec === undefined && result !== undefined ? parseJson(result) : undefined,
      isText: false,
      edit: (value) => ({ type: "step", step: stepId ?? name, result: value }),
    },
  }
}

export const ofTool = ({ callId, name, recorded, result, superseded }: ToolPart): ForkOrigin | undefined => {
  if (superseded || (recorded === null && result === null)) return undefined
  const after = Math.max(recorded ?? 0, result?.eventId ?? 0)
  if (recorded === null) return { after }
  const content = result?.content
  const value = typeof content === "string" ? (parseJson(content) ?? content) : content
  return {
    after,
    editable: {
      label: `Result of ${name}`,
      value,
      isText: value === undefined || value === content,
      edit: (edited) => ({ type: "tool", tool_call_id: callId, result: edited }),
    },
  }
}

export const ofText = ({ messageId, recorded, superseded, text }: TextPart): ForkOrigin | undefined =>
  recorded === null || superseded
    ? undefined
    : {
        after: recorded,
        editable: {
          label: "Text",
          value: text,
          isText: true,
          edit: (value) => ({ type: "text", message_id: messageId, text: value }),
        },
      }

export const ofAnswer = (
  { eventId, question: { id, schema } }: QuestionPart,
  answer: Answer | undefined,
): ForkOrigin => {
  const isWhole = JSON.stringify(answer?.payload ?? null).includes("<redacted>") === false
  return {
    after: eventId,
    editable: {
      label: "Answer",
      value: isWhole ? answer?.payload : undefined,
      isText: schema === undefined,
      schema,
      edit: (value) => ({ type: "answer", interrupt_id: id, payload: value }),
    },
  }
}

export const ofMessage = (text: string): ForkOrigin => ({
  after: 1,
  editable: {
    label: "Message",
    value: text,
    isText: true,
    edit: (value) => ({ type: "message", text: value }),
  },
})

export const ofPayload = (input: unknown): ForkOrigin => ({
  after: 1,
  editable: {
    label: "Payload",
    value: input,
    isText: false,
    schema: "payload",
    edit: (value) => ({ type: "input", input: value }),
  },
})
