/**
 * The events of one item in a stream, by the type of the item.
 *
 * @since 0.1.0
 */
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

export const begun = (index: number, item: Item): ReadonlyArray<Unnumbered> => [
  { type: "response.output_item.added", output_index: index, item },
  ...(item.type === "message"
    ? [
        {
          type: "response.content_part.added",
          ...place(index, item),
          content_index: 0,
          part: item.content[0],
        },
      ]
    : []),
]

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
  switch (item.type) {
    case "message": {
      const [part] = item.content
      const content = { ...at, content_index: 0 }
      return [
        { type: "response.output_text.done", ...content, text: part?.text ?? "", logprobs: [] },
        { type: "response.content_part.done", ...content, part },
      ]
    }
    case "reasoning":
      return [
        { type: "response.reasoning_text.done", ...at, content_index: 0, text: item.content[0]?.text ?? "" },
      ]
    case "function_call":
      return [
        { type: "response.function_call_arguments.done", ...at, name: item.name, arguments: item.arguments },
      ]
    case "function_call_output":
      return []
  }
}

export const ended = (index: number, item: Item): ReadonlyArray<Unnumbered> => [
  ...contentEnded(index, item),
  { type: "response.output_item.done", output_index: index, item },
]
