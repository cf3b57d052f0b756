/** The AG-UI events of a model's answer as it comes: of its text, its reasoning and its calls of tools. */
import * as AgentEvent from "../model/AgentEvent.js"

type Events = ReadonlyArray<AgentEvent.AgentEvent>

/** A message of the answer: a text, or reasoning. */
export interface Block {
  readonly kind: "text" | "reasoning"
  readonly messageId: string
  text: string
  /** Whether its message has started in the log and has not ended. */
  open: boolean
}

/** The first text opens the message, so that no message is empty. */
export const open = (block: Block): Events => {
  if (block.open) return []
  block.open = true
  return block.kind === "text"
    ? [AgentEvent.textStart(block.messageId)]
    : [
        { type: "REASONING_START", messageId: block.messageId },
        { type: "REASONING_MESSAGE_START", messageId: block.messageId, role: "reasoning" },
      ]
}

export const extend = (block: Block, delta: string): Events => {
  if (delta === "") return []
  block.text += delta
  return [
    ...open(block),
    block.kind === "text"
      ? AgentEvent.textContent(block.messageId, delta)
      : { type: "REASONING_MESSAGE_CONTENT", messageId: block.messageId, delta },
  ]
}

/** Ends the message, if it is open. `about` are further events of it. */
export const close = (block: Block, about: () => Events = () => []): Events => {
  const { kind, messageId } = block
  if (!block.open) return []
  block.open = false
  return kind === "text"
    ? [AgentEvent.textEnd(messageId), ...about()]
    : [{ type: "REASONING_MESSAGE_END", messageId }, ...about(), { type: "REASONING_END", messageId }]
}

/** The start of a call. One that follows more reasoning starts a separate message, so that a client preserves the order. */
export const startCall = (toolCallId: string, toolName: string, before: Block | undefined): Events => [
  {
    ...AgentEvent.toolCallStart(toolCallId, toolName),
    ...(before?.kind === "text" && before.text !== "" ? { parentMessageId: before.messageId } : {}),
  },
]

const messageIdOf = (toolCallId: string): string => `result-${toolCallId}`

/** The result of a call. */
export const result = (toolCallId: string, content: string, isError: boolean): AgentEvent.AgentEvent =>
  isError
    ? AgentEvent.toolCallFailure(messageIdOf(toolCallId), toolCallId, content)
    : AgentEvent.toolCallResult(messageIdOf(toolCallId), toolCallId, content, { role: "tool" })

/** Collects what an answer has begun, by the ids of the model. */
export interface AnswerEvents {
  readonly extend: (kind: Block["kind"], id: string, delta: string) => Events
  readonly end: (kind: Block["kind"], id: string) => Events
  /** `toolCallId`: the id of the call in the log. */
  readonly startCall: (toolCallId: string, toolName: string) => Events
  /** Ends what is open. */
  readonly close: () => Events
}

export const make = (nextMessageId: () => string): AnswerEvents => {
  const blocks = new Map<string, Block>()
  let last: Block | undefined
  const blockOf = (kind: Block["kind"], key: string): Block => {
    const block = blocks.get(key) ?? { kind, messageId: nextMessageId(), text: "", open: false }
    blocks.set(key, block)
    last = block
    return block
  }
  return {
    extend: (kind, id, delta) => (delta === "" ? [] : extend(blockOf(kind, `${kind} ${id}`), delta)),
    end: (kind, id) => {
      const block = blocks.get(`${kind} ${id}`)
      blocks.delete(`${kind} ${id}`)
      return block === undefined ? [] : close(block)
    },
    startCall: (toolCallId, toolName) => startCall(toolCallId, toolName, last),
    close: () => {
      const open = Array.from(blocks.values())
      blocks.clear()
      return open.flatMap((block) => close(block))
    },
  }
}
