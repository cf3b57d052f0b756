/** The message that the AI SDK makes of chunks, as a page that reads them has it. */
import { createUIMessageStream, type UIMessage, type UIMessageChunk } from "ai"
import { Effect } from "effect"
import type { Chunk } from "./Chunk.js"
import type { UiMessage } from "./UiMessages.js"

/** The fields of a chunk that streams text: the item that it belongs to, and the text. */
const streaming: Readonly<Record<string, readonly [item: string, text: string]>> = {
  "text-delta": ["id", "delta"],
  "reasoning-delta": ["id", "delta"],
  "tool-input-delta": ["toolCallId", "inputTextDelta"],
}

/** The chunks with the text of each item as a whole: the SDK parses the input of a call anew with each part of it. */
const whole = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Chunk> => {
  const texts = new Map<string, { readonly at: number; readonly parts: Array<string> }>()
  const merged: Array<Chunk> = []
  const write = ({ at, parts }: { readonly at: number; readonly parts: ReadonlyArray<string> }): void => {
    const chunk = merged[at]!
    merged[at] = { ...chunk, [streaming[chunk.type]![1]]: parts.join("") }
  }
  for (const chunk of chunks) {
    const fields = streaming[chunk.type]
    if (fields === undefined) {
      // What begins anew or is removed has no more of the text before.
      if (chunk.type.endsWith("-start") || chunk.type === "reset-step") {
        texts.forEach(write)
        texts.clear()
      }
      merged.push(chunk)
      continue
    }
    const [item, text] = fields
    const key = `${chunk.type} ${String(chunk[item])}`
    const before = texts.get(key)
    if (before === undefined) texts.set(key, { at: merged.push(chunk) - 1, parts: [String(chunk[text])] })
    else before.parts.push(String(chunk[text]))
  }
  texts.forEach(write)
  return merged
}

const read = async (chunks: ReadonlyArray<Chunk>): Promise<UIMessage> => {
  let message: UIMessage | undefined
  const stream = createUIMessageStream({
    execute: ({ writer }) => {
      for (const chunk of whole(chunks)) writer.write(chunk as unknown as UIMessageChunk)
    },
    onEnd: ({ responseMessage }) => {
      message = responseMessage
    },
  })
  await stream.pipeTo(new WritableStream())
  return message!
}

/** The message of these chunks, of which the first is its `start`. Chunks that a page would refuse are a defect. */
export const messageOf = (chunks: ReadonlyArray<Chunk>): Effect.Effect<UiMessage> =>
  Effect.map(
    Effect.promise(() => read(chunks)),
    (message) => message as UiMessage,
  )
