/** A block of text or of reasoning in a model's answer, with the events that show it. */
import { AgentEvent } from "@runlease/core"
import * as ProviderOptions from "./ProviderOptions.js"

type Events = ReadonlyArray<AgentEvent.AgentEvent>

export interface ContentBlock {
  readonly kind: "text" | "reasoning"
  readonly messageId: string
  text: string
  options: ProviderOptions.ProviderOptions
  /** Whether its message has started in the log and has not ended. */
  open: boolean
}

export const make = (
  kind: ContentBlock["kind"],
  messageId: string,
  options: ProviderOptions.ProviderOptions,
): ContentBlock => ({ kind, messageId, text: "", options, open: false })

/** The first text opens the message, so that no message is empty. */
const open = (block: ContentBlock): Events => {
  if (block.open) return []
  block.open = true
  return block.kind === "text"
    ? [AgentEvent.textStart(block.messageId)]
    : [
        { type: "REASONING_START", messageId: block.messageId },
        { type: "REASONING_MESSAGE_START", messageId: block.messageId, role: "reasoning" },
      ]
}

/** Appends a delta, which may carry options without text. */
export const extend = (
  block: ContentBlock,
  delta: string,
  options: ProviderOptions.ProviderOptions,
): Events => {
  block.options = ProviderOptions.merge(block.options, options)
  if (delta === "") return []
  block.text += delta
  return [
    ...open(block),
    block.kind === "text"
      ? AgentEvent.textContent(block.messageId, delta)
      : { type: "REASONING_MESSAGE_CONTENT", messageId: block.messageId, delta },
  ]
}

/**
 * Ends the block's message. Reasoning that has options and no text gets a message here, so that the options have one to
 * belong to. `optionsOf` returns the events that record the options of a message.
 */
export const close = (block: ContentBlock, optionsOf: (block: ContentBlock) => Events): Events => {
  const { messageId, options } = block
  if (block.kind === "text") {
    const wasOpen = block.open
    block.open = false
    return wasOpen ? [AgentEvent.textEnd(messageId), ...optionsOf(block)] : []
  }
  if (!block.open && ProviderOptions.isEmpty(options)) return []
  const opening = open(block)
  block.open = false
  return [
    ...opening,
    { type: "REASONING_MESSAGE_END", messageId },
    ...optionsOf(block),
    { type: "REASONING_END", messageId },
  ]
}
