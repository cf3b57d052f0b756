/** The inputs of tool calls while they stream, and the outputs of calls, as JSON. */
import { Option, Schema } from "effect"
import { asText, type Chunk } from "./Chunk.js"

const parse = Schema.decodeUnknownOption(Schema.parseJson())

interface Open {
  readonly toolName: string
  readonly text: string
}

export interface ToolInputs {
  readonly start: (toolCallId: string, toolName: string) => void
  readonly add: (toolCallId: string, delta: string) => void
  /** The whole input of a call: it is there, or it is no JSON. */
  readonly end: (toolCallId: string) => Chunk
  readonly copy: () => ToolInputs
}

const of = (open: Map<string, Open>): ToolInputs => ({
  start: (toolCallId, toolName) => open.set(toolCallId, { toolName, text: "" }),
  add: (toolCallId, delta) => {
    const call = open.get(toolCallId)
    if (call !== undefined) open.set(toolCallId, { ...call, text: call.text + delta })
  },
  end: (toolCallId) => {
    const { text, toolName } = open.get(toolCallId) ?? { text: "", toolName: "unknown" }
    open.delete(toolCallId)
    const call = { toolCallId, toolName }
    // A call without arguments has none, and is whole.
    return Option.match(text.trim() === "" ? Option.some({}) : parse(text), {
      onNone: () => ({
        type: "tool-input-error",
        ...call,
        input: text,
        errorText: "The input of this tool call broke off",
      }),
      onSome: (input) => ({ type: "tool-input-available", ...call, input }),
    })
  },
  copy: () => of(new Map(open)),
})

/**
 * A call that its page has made, as a page gets it that comes back: with the whole input, which has streamed. A page makes a call when it
 * gets `tool-input-available`, and has its input without that too.
 */
export const made = ({ input, toolCallId, toolName }: Chunk): ReadonlyArray<Chunk> => [
  { type: "tool-input-start", toolCallId, toolName },
  { type: "tool-input-delta", toolCallId, inputTextDelta: JSON.stringify(input ?? {}) },
]

/** Of no call. */
export const make = (): ToolInputs => of(new Map())

/** The result of a call: an object or a list where it is the text of one. */
const outputOf = (content: unknown): unknown =>
  typeof content === "string" && /^\s*[[{]/.test(content)
    ? Option.getOrElse(parse(content), () => content)
    : (content ?? null)

/** The result of a call. `isDenied`: the page did not let it be made. */
export const result = (
  toolCallId: string,
  content: unknown,
  { isDenied, isError }: { readonly isDenied: boolean; readonly isError: boolean },
): Chunk => {
  if (isDenied) return { type: "tool-output-denied", toolCallId }
  return isError
    ? { type: "tool-output-error", toolCallId, errorText: asText(content) }
    : { type: "tool-output-available", toolCallId, output: outputOf(content) }
}
