/**
 * Converts messages of AG-UI 1.0 to messages of a snapshot and back, without loss.
 *
 * | AG-UI | snapshot |
 * | - | - |
 * | `content` of text | a `text` part |
 * | content parts | `text` parts; `file` parts: `mediaType`, `url` (`data:` for inline bytes) or `fileId`, `filename` |
 * | `toolCalls` | `tool_call` parts: `toolCallId`, `toolName`, `args` (the JSON text, unchanged) |
 * | a tool message | a `tool_result` part: `toolCallId`, `result`, `isError` and `error` when it failed |
 * | reasoning, activity | a `reasoning` part: `text`; an `activity` part: `activityType`, `content` |
 * | `encryptedValue` | that of the `reasoning`, `text` or `tool_call` part |
 *
 * A field that the other side lacks goes into the message's `metadata` under `runlease`, and is restored from there.
 *
 * Source: https://docs.ag-ui.com/concepts/messages
 */
import { Predicate, Schema } from "effect"
import { equalJson } from "./Json.js"
import { type MessagePart, SnapshotMessage } from "./RequestSnapshot.js"

// JSON objects and the differences between them.

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => Predicate.isRecord(value) && !Array.isArray(value)

export const without = (record: Json, ...keys: ReadonlyArray<string>): Json =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)))

/** `{ [key]: value }`, or `{}` when the value is undefined. */
const optional = (key: string, value: unknown): Json => (value === undefined ? {} : { [key]: value })

/** Our key in the metadata of an AG-UI message or part. */
const ourKey = "runlease"

export const ours = (metadata: unknown): unknown => (isRecord(metadata) ? metadata[ourKey] : undefined)

/** The fields of `to` that `from` lacks or has with another value. */
const difference = (from: Json, to: Json): Json =>
  Object.fromEntries(
    Object.entries(to).filter(
      ([key, value]) => value !== undefined && !(Object.hasOwn(from, key) && equalJson(from[key], value)),
    ),
  )

// Maps content parts of AG-UI to parts of a snapshot's messages and back.
//
// A text part is the same in both. AG-UI's image, audio, video and document are a `file` part: `mediaType`, `url` (a data
// URL when the bytes are inline) or `fileId` and `provider`, `filename`; and `kind` where the media type does not imply it.
// An image without a media type is `image/*`.
// Fields that AG-UI does not have are in its `metadata`, under our key.

const mediaKinds = new Set(["image", "audio", "video", "document"])

const kindOf = (mediaType: unknown): string => {
  const kind = typeof mediaType === "string" ? mediaType.slice(0, mediaType.indexOf("/")) : ""
  return mediaKinds.has(kind) ? kind : "document"
}

/** Moves our fields from the `metadata` of AG-UI back into the part. */
const lift = (part: Json): Json => {
  const metadata = part["metadata"]
  if (!isRecord(metadata)) return part
  const extra = metadata[ourKey]
  const name = metadata["filename"]
  const named = part["type"] === "file" && typeof name === "string"
  const lifted = [...(isRecord(extra) ? [ourKey] : []), ...(named ? ["filename"] : [])]
  if (lifted.length === 0) return part
  const rest = without(metadata, ...lifted)
  return {
    ...without(part, "metadata"),
    ...(Object.keys(rest).length === 0 ? {} : { metadata: rest }),
    ...(isRecord(extra) ? extra : {}),
    ...(named ? { filename: name } : {}),
  }
}

/** The metadata of an AG-UI part: the part's own, its file name, and every field besides those of `mapped`. */
const lower = (part: Json, mapped: ReadonlyArray<string>): Json => {
  const extra = without(part, "type", "id", "metadata", "filename", ...mapped)
  const named = typeof part["filename"] === "string" ? { filename: part["filename"] } : {}
  const metadata = {
    ...named,
    ...(isRecord(part["metadata"]) ? part["metadata"] : {}),
    ...(Object.keys(extra).length === 0 ? {} : { [ourKey]: extra }),
  }
  return {
    ...optional("id", typeof part["id"] === "string" ? part["id"] : undefined),
    ...optional("metadata", Object.keys(metadata).length > 0 ? metadata : (part["metadata"] ?? undefined)),
  }
}

const locationOf = (source: Json): Json | undefined => {
  const { mimeType, provider, type, value } = source
  if (typeof value !== "string") return undefined
  switch (type) {
    case "url":
      return { url: value }
    case "data":
      return { url: `data:${String(mimeType)};base64,${value}` }
    case "file":
      return { fileId: value, ...optional("provider", provider) }
    default:
      return undefined
  }
}

/** Makes a part of a snapshot from one of AG-UI. A part that AG-UI 1.0 does not have is returned unchanged. */
const fromContent = (part: MessagePart): MessagePart => {
  if (!mediaKinds.has(part.type)) return { ...lift(part), type: part.type }
  const source = part["source"]
  const location = isRecord(source) ? locationOf(source) : undefined
  if (location === undefined || !isRecord(source)) return part
  const mediaType = source["mimeType"] ?? (part.type === "document" ? undefined : `${part.type}/*`)
  return {
    ...lift({
      type: "file",
      ...optional("mediaType", mediaType),
      ...location,
      ...(kindOf(mediaType) === part.type ? {} : { kind: part.type }),
      ...without(part, "type", "source"),
    }),
    type: "file",
  }
}

const dataUrl = /^data:([^,]*);base64,([\s\S]*)$/

/** Matches a kind of media without a subtype. */
const anyOf = /^(image|audio|video)\/\*$/

const sourceOf = (part: MessagePart): Json | undefined => {
  const { fileId, mediaType, provider, url } = part
  const isSpecific = typeof mediaType === "string" && !anyOf.test(mediaType)
  const mimeType = optional("mimeType", isSpecific ? mediaType : undefined)
  if (typeof url === "string") {
    const inline = dataUrl.exec(url)
    return inline === null
      ? { type: "url", value: url, ...mimeType }
      : { type: "data", value: inline[2], mimeType: inline[1] }
  }
  return typeof fileId === "string"
    ? {
        type: "file",
        value: fileId,
        ...optional("provider", typeof provider === "string" ? provider : undefined),
        ...mimeType,
      }
    : undefined
}

/** Makes a part of AG-UI from one of a snapshot; undefined when AG-UI has no such part. */
const toContent = (part: MessagePart): MessagePart | undefined => {
  if (part.type === "text" && typeof part["text"] === "string") {
    return { type: "text", text: part["text"], ...lower(part, ["text"]) }
  }
  const source = part.type === "file" ? sourceOf(part) : undefined
  if (source === undefined) return undefined
  const { kind } = part
  return {
    type:
      typeof kind === "string" && mediaKinds.has(kind)
        ? kind
        : kindOf(source["mimeType"] ?? part["mediaType"]),
    source,
    ...lower(part, ["mediaType", "url", "fileId", "provider", "kind"]),
  }
}

// Maps messages of AG-UI to messages of a snapshot and back. The mapping may lose fields; `AgUiMessages` adds them again.
//
// One message of a snapshot may become several of AG-UI's: an assistant's message with tool results between its texts is
// several messages there, in order.

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
const fromMessages = (messages: readonly [Message, ...ReadonlyArray<Message>]): SnapshotMessage => ({
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
const toMessages = (message: SnapshotMessage): readonly [Message, ...ReadonlyArray<Message>] => {
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

/** Nested metadata of ours comes from outside. Beyond this depth it is data like any other. */
const maxDepth = 8

const marked = <A extends { readonly metadata?: unknown }>(message: A, mark: unknown): A => ({
  ...message,
  metadata: { ...(isRecord(message.metadata) ? message.metadata : {}), [ourKey]: mark },
})

const field = (metadata: unknown, key: string): unknown => {
  const mark = ours(metadata)
  return isRecord(mark) ? mark[key] : undefined
}

const isMessage = (value: Json): value is Message =>
  typeof value["id"] === "string" && typeof value["role"] === "string"

const isSnapshotMessage = Schema.is(SnapshotMessage)

/** Converts a message of AG-UI; the metadata has the fields that the parts cannot express. */
const encode = (message: Message): SnapshotMessage => {
  const plain = fromMessages([message])
  if (equalJson(toMessages(plain), [message])) return plain
  const [back] = toMessages(marked(plain, {}))
  return marked(plain, { agUi: difference(back, message) })
}

/** The message that `encode` converted, if `message` is its output. */
const decode = (message: SnapshotMessage): Message | undefined => {
  const fields = field(message.metadata, "agUi")
  if (!isRecord(fields)) return undefined
  const made = { ...toMessages(message)[0], ...fields }
  return isMessage(made) ? made : undefined
}

interface Wrapped {
  readonly count: number
  readonly fields: Json
}

/** Converts a message of a snapshot; the metadata of the first has their count and the fields that they cannot express. */
const wrap = (message: SnapshotMessage): readonly [Message, ...ReadonlyArray<Message>] => {
  const plain = toMessages(message)
  if (plain.length === 1 && ours(message.metadata) === undefined && equalJson(fromMessages(plain), message)) {
    return plain
  }
  const [first, ...rest] = plain
  const back = fromMessages([marked(first, {}), ...rest])
  const snapshot: Wrapped = { count: plain.length, fields: difference({ ...back }, message) }
  return [marked(first, { snapshot }), ...rest]
}

/** The messages behind one that have the ids of those which were made with it, at most `most`. */
const followers = (messages: ReadonlyArray<Message>, index: number, most: number): ReadonlyArray<Message> => {
  const { id } = messages[index]!
  const behind = (place: number): Message | undefined =>
    place <= most && messages[index + place]?.id === `${id}.${place}` ? messages[index + place] : undefined
  const found: Array<Message> = []
  for (let next = behind(1); next !== undefined; next = behind(found.length + 1)) found.push(next)
  return found
}

/** The message that `wrap` converted and how many messages it made, if its output is at `index`. */
const unwrap = (
  messages: ReadonlyArray<Message>,
  index: number,
): { readonly message: SnapshotMessage; readonly count: number } | undefined => {
  const first = messages[index]!
  const snapshot = field(first["metadata"], "snapshot")
  if (!isRecord(snapshot)) return undefined
  const { count, fields } = snapshot
  if (typeof count !== "number" || !isRecord(fields)) return undefined
  const rest = followers(messages, index, count - 1)
  const made = { ...fromMessages([first, ...rest]), ...fields }
  return isSnapshotMessage(made) ? { message: made, count: rest.length + 1 } : undefined
}

const from = (messages: ReadonlyArray<Message>, depth: number): ReadonlyArray<SnapshotMessage> => {
  const made: Array<SnapshotMessage> = []
  for (let index = 0; index < messages.length;) {
    const found = depth > maxDepth ? undefined : unwrap(messages, index)
    if (
      found !== undefined &&
      equalJson(to([found.message], depth + 1), messages.slice(index, index + found.count))
    ) {
      made.push(found.message)
      index += found.count
    } else {
      made.push(encode(messages[index]!))
      index += 1
    }
  }
  return made
}

const to = (messages: ReadonlyArray<SnapshotMessage>, depth: number): ReadonlyArray<Message> =>
  messages.flatMap((message) => {
    const found = depth > maxDepth ? undefined : decode(message)
    return found !== undefined && equalJson(from([found], depth + 1), [message]) ? [found] : wrap(message)
  })

/** Converts messages of AG-UI to messages of a snapshot. `toAgUi` restores them. */
export const fromAgUi = (messages: ReadonlyArray<Message>): ReadonlyArray<SnapshotMessage> =>
  from(messages, 0)

/**
 * Converts messages of a snapshot to messages of AG-UI. They are valid in AG-UI 1.0, unless they came from invalid ones.
 * `fromAgUi` restores them.
 */
export const toAgUi = (messages: ReadonlyArray<SnapshotMessage>): ReadonlyArray<Message> => to(messages, 0)
