/**
 * Converts the parts of a message between A2A and the snapshot of a run, without loss.
 *
 * | A2A | snapshot |
 * | - | - |
 * | `text` | a `text` part |
 * | `raw`, `url` | a `file` part: `url` (`data:` for bytes), `mediaType`, `filename` |
 * | `data` | a `text` part with its JSON, for agents that read text, and the value as `data` |
 */
import type { RequestSnapshot } from "@runlease/core"
import type { Part, TaskMessage } from "./Protocol.js"

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const bytesUrl = /^data:([^;,]*);base64,/

const anyBytes = "application/octet-stream"

/** The fields that both sides have in addition to the content. */
const sharedFields = ({ filename, mediaType, metadata }: Readonly<Record<string, unknown>>) => ({
  ...(filename === undefined ? {} : { filename }),
  ...(mediaType === undefined ? {} : { mediaType }),
  ...(metadata === undefined ? {} : { metadata }),
})

/** A part of a client's message as the run's request has it. */
export const toSnapshot = (part: Part): RequestSnapshot.MessagePart => {
  if (part.text !== undefined) return { type: "text", text: part.text, ...sharedFields(part) }
  if (part.raw !== undefined) {
    const { mediaType = anyBytes } = part
    return {
      type: "file",
      url: `data:${mediaType};base64,${part.raw}`,
      ...sharedFields({ ...part, mediaType }),
    }
  }
  if (part.url !== undefined) return { type: "file", url: part.url, ...sharedFields(part) }
  return { type: "text", text: JSON.stringify(part.data), data: part.data, ...sharedFields(part) }
}

/** A part of a run's request as A2A has it. What it has no name for is `data`. */
export const fromSnapshot = (part: RequestSnapshot.MessagePart): Part => {
  const rest = sharedFields(part) as Pick<Part, "filename" | "mediaType" | "metadata">
  if (part.type === "text" && part["data"] !== undefined) return { data: part["data"], ...rest }
  const content = text(part["text"])
  if (part.type === "text" && content !== undefined) return { text: content, ...rest }
  const url = text(part["url"])
  if (part.type === "file" && url !== undefined) {
    const bytes = bytesUrl.exec(url)
    return bytes === null ? { url, ...rest } : { raw: url.slice(bytes[0].length), ...rest }
  }
  return { data: part, ...rest }
}

/** The task that a message is of. */
export interface Place {
  readonly taskId: string
  readonly contextId: string
}

/** The messages with which the client began the task: those behind the last one of the agent. */
export const historyOf = (
  { contextId, taskId }: Place,
  { messages }: RequestSnapshot.RequestSnapshot,
): ReadonlyArray<TaskMessage> =>
  messages
    .slice(messages.findLastIndex(({ role }) => role === "assistant") + 1)
    .filter(({ parts, role }) => role === "user" && parts.length > 0)
    .map(({ id, metadata, parts }) => ({
      messageId: id,
      contextId,
      taskId,
      role: "ROLE_USER",
      parts: parts.map(fromSnapshot),
      ...(metadata === undefined ? {} : { metadata }),
    }))
