/** Messages of a request as chunks: the beginning of a message that a run continues with, and the messages before an answer. */
import type { RequestSnapshot } from "@runlease/core"
import { Predicate } from "effect"
import type { Chunk } from "./Chunk.js"
import * as ToolInputs from "./ToolInputs.js"

type Part = RequestSnapshot.MessagePart

/** Kinds of parts whose chunk is the part. */
const isChunk = ({ type }: Part): boolean =>
  ["file", "source-url", "source-document", "reasoning-file", "custom", "steering-message"].includes(type) ||
  type.startsWith("data-")

/** The question about a call, and the answer of its page. */
interface Approval {
  readonly chunks: ReadonlyArray<Chunk>
  readonly isDenied: boolean
}

const approvalOf = ({ approval, toolCallId }: Part): Approval => {
  if (!Predicate.isRecord(approval) || typeof approval["id"] !== "string") {
    return { chunks: [], isDenied: false }
  }
  const { approved, id, reason, requestReason } = approval
  const request = {
    type: "tool-approval-request",
    approvalId: id,
    toolCallId: String(toolCallId),
    ...(typeof requestReason === "string" ? { reason: requestReason } : {}),
  }
  if (typeof approved !== "boolean") return { chunks: [request], isDenied: false }
  const because = typeof reason === "string" ? { reason } : {}
  const response = { type: "tool-approval-response", approvalId: id, approved, ...because }
  return { chunks: [request, response], isDenied: !approved }
}

/** The calls of a message. `denied`: whether their page has denied them, by their ids. `made`: those with a result. */
interface Calls {
  readonly denied: Map<string, boolean>
  readonly made: ReadonlySet<string>
}

const ofCall = (part: Part, calls: Calls): ReadonlyArray<Chunk> => {
  const toolCallId = String(part["toolCallId"])
  const inputs = ToolInputs.make()
  inputs.start(toolCallId, String(part["toolName"]))
  inputs.add(toolCallId, String(part["args"]))
  const { chunks, isDenied } = approvalOf(part)
  calls.denied.set(toolCallId, isDenied)
  const call = inputs.end(toolCallId)
  const isMade = call.type === "tool-input-available" && calls.made.has(toolCallId)
  return [...(isMade ? ToolInputs.made(call) : [call]), ...chunks]
}

/** A result of a call that the message does not have is left out: a page refuses it. */
const ofResult = ({ isError, result, toolCallId }: Part, calls: Calls): ReadonlyArray<Chunk> => {
  const isDenied = calls.denied.get(String(toolCallId))
  return isDenied === undefined
    ? []
    : [ToolInputs.result(String(toolCallId), result, { isDenied, isError: isError === true })]
}

const ofPart = (part: Part, id: string, calls: Calls): ReadonlyArray<Chunk> => {
  const { providerMetadata, text, type } = part
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
    case "tool_call":
      return ofCall(part, calls)
    case "tool_result":
      return ofResult(part, calls)
    default:
      return isChunk(part) ? [part] : []
  }
}

/** The steps of an assistant's message. */
export const chunksOf = (steps: ReadonlyArray<ReadonlyArray<Part>>): ReadonlyArray<Chunk> => {
  const results = steps.flat().filter(({ type }) => type === "tool_result")
  const calls: Calls = {
    denied: new Map(),
    made: new Set(results.map(({ toolCallId }) => String(toolCallId))),
  }
  return steps.flatMap((parts, step): ReadonlyArray<Chunk> => [
    { type: "start-step" },
    ...parts.flatMap((part, index) => ofPart(part, `${step}.${index}`, calls)),
    { type: "finish-step" },
  ])
}
