/** The beginning of a message that a run continues with, as its page sent it, for a page that comes later. */
import { type RequestSnapshot } from "@runlease/core"
import type { Chunk } from "./Chunk.js"
import * as ToolInputs from "./ToolInputs.js"

type Part = RequestSnapshot.MessagePart

/** Kinds of parts whose chunk is the part. */
const isChunk = ({ type }: Part): boolean =>
  ["file", "source-url", "source-document", "reasoning-file", "custom", "steering-message"].includes(type) ||
  type.startsWith("data-")

const chunksOf = (part: Part, id: string): ReadonlyArray<Chunk> => {
  const { isError, providerMetadata, text, toolCallId, type } = part
  switch (type) {
    case "text":
    case "reasoning": {
      const own = providerMetadata === undefined ? {} : { providerMetadata }
      return [
        { type: `${type}-start`, id, ...own },
        { type: `${type}-delta`, id, delta: text },
        { type: `${type}-end`, id },
      ]
    }
    case "tool_call": {
      const inputs = ToolInputs.make()
      const call = String(toolCallId)
      inputs.start(call, String(part["toolName"]))
      inputs.add(call, String(part["args"]))
      return [inputs.end(call)]
    }
    case "tool_result":
      return [
        ToolInputs.result(String(toolCallId), part["result"], { isDenied: false, isError: isError === true }),
      ]
    default:
      return isChunk(part) ? [part] : []
  }
}

/** The chunks of these steps. */
export const chunks = (steps: ReadonlyArray<ReadonlyArray<Part>>): ReadonlyArray<Chunk> =>
  steps.flatMap((parts, step): ReadonlyArray<Chunk> => [
    { type: "start-step" },
    ...parts.flatMap((part, index) => chunksOf(part, `${step}.${index}`)),
    { type: "finish-step" },
  ])
