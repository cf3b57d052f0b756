/**
 * Maps messages of AG-UI to messages of a snapshot and back. The mapping may lose fields; `AgUiMessages` adds them again.
 *
 * One message of a snapshot may become several of AG-UI's: an assistant's message with tool results between its texts is
 * several messages there, in order.
 */
import type { MessagePart, SnapshotMessage } from "../RequestSnapshot.js"
import { fromContent, toContent } from "./Content.js"
import { isRecord, type Json, optional, ourKey, without } from "./JsonObject.js"

/** A message of AG-UI: `role` says which further fields it has. */
export type Message = Json & { readonly id: string; readonly role: string; readonly metadata?: unknown }

const isPart = (value: unknown): value is MessagePart =>
  isRecord(value) && typeof value["type"] === "string" && value["type"] !== ""

/** The encrypted value, which only the provider of the model can read. */
const encrypted = ({ encryptedValue }: Json): Json =>
  optional("encryptedValue", typeof encryptedValue === "string" ? encryptedValue : undefined)

const text = (value: unknown, message: Json = {}): ReadonlyArray<MessagePart> =>
  typeof value === "string" ? [{ type: "text", text: value, ...encrypted(message) }] : []

const toolCallPart = (call: unknown): ReadonlyArray<MessagePart> => {
  if (!isRecord(call) || !isRecord(call["function"])) return []
  return [
    {
      type: "tool_call",
      toolCallId: call["id"],
      toolName: call["function"]["name"],
      args: call["function"]["arguments"],
      ...without(call, "id", "type", "function"),
    },
  ]
}

const partsOf = (message: Message): ReadonlyArray<MessagePart> => {
  const { content, toolCalls } = message
  switch (message.role) {
    case "assistant":
      return [...text(content, message), ...(Array.isArray(toolCalls) ? toolCalls.flatMap(toolCallPart) : [])]
    case "tool":
      return [
        {
          type: "tool_result",
          toolCallId: message["toolCallId"],
          result: content,
          ...(message["error"] === undefined ? {} : { isError: true, error: message["error"] }),
        },
      ]
    case "activity":
      return [{ type: "activity", activityType: message["activityType"], content }]
    case "reasoning":
      return [{ type: "reasoning", text: content, ...encrypted(message) }]
    default:
      return Array.isArray(content) ? content.filter(isPart).map(fromContent) : text(content)
  }
}

/** The metadata without our key. Empty metadata is left out. */
const theirs = (metadata: unknown): Json => {
  if (!isRecord(metadata)) return {}
  if (!Object.hasOwn(metadata, ourKey)) return { metadata }
  const rest = without(metadata, ourKey)
  return Object.keys(rest).length === 0 ? {} : { metadata: rest }
}

/** Makes one message of a snapshot from one message of AG-UI, or from several that `toMessages` made of one. */
export const fromMessages = (messages: readonly [Message, ...ReadonlyArray<Message>]): SnapshotMessage => ({
  id: messages[0].id,
  role: messages[0].role,
  parts: messages.flatMap(partsOf),
  ...theirs(messages[0]["metadata"]),
})

const joined = (parts: ReadonlyArray<MessagePart>): string =>
  parts.flatMap((part) => (part.type === "text" ? [String(part["text"])] : [])).join("")

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

const toolCallOf = (part: MessagePart): Json => ({
  id: part["toolCallId"],
  type: "function",
  function: { name: asText(part["toolName"]), arguments: asText(part["args"]) },
  ...encrypted(part),
  ...optional("metadata", isRecord(part["metadata"]) ? part["metadata"] : undefined),
})

const toolMessage = (part: MessagePart): Json => {
  const { error, isError, result } = part
  const isContent = Array.isArray(result) && result.every((inner) => isPart(inner) && isContentPart(inner))
  const content = isContent ? result : asText(result)
  return {
    role: "tool",
    toolCallId: part["toolCallId"],
    content,
    ...(isError === true || error !== undefined
      ? {
          error:
            error === undefined ? (typeof content === "string" ? content : "The tool failed") : asText(error),
        }
      : {}),
  }
}

/** Whether a part is already a content part of AG-UI. */
const isContentPart = (part: MessagePart): boolean => {
  const mapped = fromContent(part)
  return (part.type === "text" || mapped.type === "file") && toContent(mapped)?.type === part.type
}

/** Parts that become one message of AG-UI. */
interface Segment {
  readonly role: string
  readonly parts: ReadonlyArray<MessagePart>
}

const roles = new Set(["developer", "system", "assistant", "user", "tool", "activity", "reasoning"])

/** The segment of a part in a message of that role; undefined when AG-UI has no place for the part. */
const segmentRole = (role: string, part: MessagePart): string | undefined => {
  switch (part.type) {
    case "tool_result":
      return typeof part["toolCallId"] === "string" ? "tool_result" : undefined
    case "tool_call":
      return role === "assistant" && typeof part["toolCallId"] === "string" ? role : undefined
    case "reasoning":
      return (role === "assistant" || role === "reasoning") && typeof part["text"] === "string"
        ? "reasoning_part"
        : undefined
    case "activity":
      return role === "activity" && typeof part["activityType"] === "string" && isRecord(part["content"])
        ? "activity_part"
        : undefined
    case "text":
      return typeof part["text"] === "string" ? role : undefined
    default:
      return role === "user" && toContent(part) !== undefined ? role : undefined
  }
}

const segments = (role: string, parts: ReadonlyArray<MessagePart>): ReadonlyArray<Segment> => {
  const found: Array<{ readonly role: string; readonly parts: Array<MessagePart> }> = []
  for (const part of parts) {
    const into = segmentRole(role, part)
    if (into === undefined) continue
    const last = found.at(-1)
    if (into === role && last?.role === role) last.parts.push(part)
    else found.push({ role: into, parts: [part] })
  }
  return found.length === 0 ? [{ role, parts: [] }] : found
}

const userContent = (parts: ReadonlyArray<MessagePart>): unknown => {
  const content = parts.flatMap((part) => toContent(part) ?? [])
  const [only] = content
  return content.length === 1 && only?.type === "text" && Object.keys(only).length === 2
    ? only["text"]
    : content
}

const messageOf = (id: string, { parts, role }: Segment): Json => {
  const [part] = parts
  switch (role) {
    case "tool_result":
      return toolMessage(part!)
    case "reasoning_part":
      return { role: "reasoning", content: part!["text"], ...encrypted(part!) }
    case "activity_part":
      return { role: "activity", activityType: part!["activityType"], content: part!["content"] }
    case "user":
      return { role, content: userContent(parts) }
    case "assistant": {
      const calls = parts.filter(({ type }) => type === "tool_call").map(toolCallOf)
      const firstText = parts.find(({ type }) => type === "text")
      return {
        role,
        ...(firstText === undefined ? {} : { content: joined(parts), ...encrypted(firstText) }),
        ...(calls.length === 0 ? {} : { toolCalls: calls }),
      }
    }
    case "tool":
      return { role, toolCallId: id, content: joined(parts) }
    case "activity":
      return { role, activityType: "unknown", content: {} }
    default:
      return { role, content: joined(parts) }
  }
}

/** Makes the messages of AG-UI; the first has the id and the metadata. A role that AG-UI does not have becomes `user`. */
export const toMessages = (message: SnapshotMessage): readonly [Message, ...ReadonlyArray<Message>] => {
  const role = roles.has(message.role) ? message.role : "user"
  const [first, ...rest] = segments(role, message.parts)
  const made = (id: string, segment: Segment): Message => {
    const fields = messageOf(id, segment)
    return { ...fields, id, role: String(fields["role"]) }
  }
  return [
    { ...made(message.id, first!), ...theirs(message.metadata) },
    ...rest.map((segment, index) => made(`${message.id}.${index + 1}`, segment)),
  ]
}
