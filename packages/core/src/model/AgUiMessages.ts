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
import { Schema } from "effect"
import { fromMessages, type Message, toMessages } from "./agui/MessageMapping.js"
import { difference, isRecord, type Json, ours, ourKey } from "./agui/JsonObject.js"
import { equalJson } from "./Json.js"
import { SnapshotMessage } from "./RequestSnapshot.js"

export type { Message }

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
