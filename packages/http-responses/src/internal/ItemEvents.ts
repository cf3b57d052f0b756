/** The events of one item in a stream, by the type of the item. */
import type { Item } from "./Protocol.js"

/** An event without its place in the stream. */
export interface Unnumbered {
  readonly type: string
  readonly [field: string]: unknown
}

const place = (index: number, item: Item) => ({ item_id: item.id, output_index: index })

/** The item with more text, or more of its arguments. */
export const extended = (item: Item, delta: string): Item => {
  switch (item.type) {
    case "message":
      return { ...item, content: item.content.map((part) => ({ ...part, text: part.text + delta })) }
    case "reasoning":
      return { ...item, content: item.content.map((part) => ({ ...part, text: part.text + delta })) }
    case "function_call":
      return { ...item, arguments: item.arguments + delta }
    case "function_call_output":
      return item
  }
}

/** An item begins without its part, which a separate event adds. */
export const begun = (index: number, item: Item): ReadonlyArray<Unnumbered> => {
  const added = { type: "response.output_item.added", output_index: index }
  if (item.type !== "message" && item.type !== "reasoning") return [{ ...added, item }]
  const [part] = item.content
  return [
    { ...added, item: { ...item, content: [] } },
    { type: "response.content_part.added", ...place(index, item), content_index: 0, part },
  ]
}

export const delta = (index: number, item: Item, text: string): Unnumbered => {
  const at = place(index, item)
  switch (item.type) {
    case "message":
      return { type: "response.output_text.delta", ...at, content_index: 0, delta: text, logprobs: [] }
    case "reasoning":
      return { type: "response.reasoning_text.delta", ...at, content_index: 0, delta: text }
    default:
      return { type: "response.function_call_arguments.delta", ...at, delta: text }
  }
}

const contentEnded = (index: number, item: Item): ReadonlyArray<Unnumbered> => {
  const at = place(index, item)
  if (item.type === "function_call_output") return []
  if (item.type === "function_call") {
    const { arguments: args, name } = item
    return [{ type: "response.function_call_arguments.done", ...at, name, arguments: args }]
  }
  const [part] = item.content
  const content = { ...at, content_index: 0 }
  const text = { ...content, text: part?.text ?? "" }
  return [
    item.type === "message"
      ? { type: "response.output_text.done", ...text, logprobs: [] }
      : { type: "response.reasoning_text.done", ...text },
    { type: "response.content_part.done", ...content, part },
  ]
}

export const ended = (index: number, item: Item): ReadonlyArray<Unnumbered> => [
  ...contentEnded(index, item),
  { type: "response.output_item.done", output_index: index, item },
]
