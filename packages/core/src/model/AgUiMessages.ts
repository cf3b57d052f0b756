/**
 * Messages of AG-UI 1.0 and those of a snapshot, each as the other, losing nothing.
 *
 * | AG-UI | snapshot |
 * | - | - |
 * | `content` of text | a `text` part |
 * | content parts | `text` parts; `file` parts: `mediaType`, `url` (`data:` for inline bytes) or `fileId`, `filename` |
 * | `toolCalls` | `tool_call` parts: `toolCallId`, `toolName`, `args` (the JSON text as given) |
 * | a tool message | a `tool_result` part: `toolCallId`, `result`, `isError` and `error` when it failed |
 * | reasoning, activity | a `reasoning` part: `text`; an `activity` part: `activityType`, `content` |
 * | `encryptedValue` | that of the `reasoning`, `text` or `tool_call` part |
 *
 * What one side has no place for is in the message's `metadata` under `runlease`, and comes back from there.
 *
 * Source: https://docs.ag-ui.com/concepts/messages
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { fromMessages, type Message, toMessages } from "./agui/MessageMapping.js"
import { beyond, isRecord, type Json, ours, ourKey } from "./agui/JsonObject.js"
import { equalJson } from "./Json.js"
import { SnapshotMessage } from "./RequestSnapshot.js"

export type { Message }

/** Metadata of ours within metadata of ours comes from outside; so deep it is kept, but not looked into. */
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

/** A message of AG-UI as a snapshot's that says, in its metadata, what its parts cannot. */
const keep = (message: Message): SnapshotMessage => {
  const plain = fromMessages([message])
  if (equalJson(toMessages(plain), [message])) return plain
  const [back] = toMessages(marked(plain, {}))
  return marked(plain, { agUi: beyond(back, message) })
}

/** The message that `keep` was given, if this is what it gave. */
const kept = (message: SnapshotMessage): Message | undefined => {
  const said = field(message.metadata, "agUi")
  if (!isRecord(said)) return undefined
  const made = { ...toMessages(message)[0], ...said }
  return isMessage(made) ? made : undefined
}

interface Wrapped {
  readonly count: number
  readonly fields: Json
}

/** A snapshot's message as AG-UI's: the first says, in its metadata, how many they are and what they cannot say. */
const wrap = (message: SnapshotMessage): readonly [Message, ...ReadonlyArray<Message>] => {
  const plain = toMessages(message)
  if (plain.length === 1 && ours(message.metadata) === undefined && equalJson(fromMessages(plain), message)) {
    return plain
  }
  const [first, ...rest] = plain
  const back = fromMessages([marked(first, {}), ...rest])
  const said: Wrapped = { count: plain.length, fields: beyond({ ...back }, message) }
  return [marked(first, { snapshot: said }), ...rest]
}

/** The message that `wrap` was given, if from `index` on there is what it gave, and how many of them that is. */
const wrapped = (
  messages: ReadonlyArray<Message>,
  index: number,
): { readonly message: SnapshotMessage; readonly count: number } | undefined => {
  const first = messages[index]!
  const said = field(first["metadata"], "snapshot")
  if (!isRecord(said)) return undefined
  const { count, fields } = said
  if (typeof count !== "number" || !isRecord(fields)) return undefined
  const rest = messages.slice(index + 1, index + count)
  const made = { ...fromMessages([first, ...rest]), ...fields }
  return isSnapshotMessage(made) ? { message: made, count: rest.length + 1 } : undefined
}

const from = (messages: ReadonlyArray<Message>, depth: number): ReadonlyArray<SnapshotMessage> => {
  const made: Array<SnapshotMessage> = []
  for (let index = 0; index < messages.length;) {
    const found = depth > maxDepth ? undefined : wrapped(messages, index)
    if (
      found !== undefined &&
      equalJson(to([found.message], depth + 1), messages.slice(index, index + found.count))
    ) {
      made.push(found.message)
      index += found.count
    } else {
      made.push(keep(messages[index]!))
      index += 1
    }
  }
  return made
}

const to = (messages: ReadonlyArray<SnapshotMessage>, depth: number): ReadonlyArray<Message> =>
  messages.flatMap((message) => {
    const found = depth > maxDepth ? undefined : kept(message)
    return found !== undefined && equalJson(from([found], depth + 1), [message]) ? [found] : wrap(message)
  })

/**
 * Messages of AG-UI as a snapshot's. `toAgUi` gives the same back.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromAgUi = (messages: ReadonlyArray<Message>): ReadonlyArray<SnapshotMessage> =>
  from(messages, 0)

/**
 * A snapshot's messages as AG-UI's, valid in AG-UI 1.0 unless they were not when they came. `fromAgUi` gives the same
 * back.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toAgUi = (messages: ReadonlyArray<SnapshotMessage>): ReadonlyArray<Message> => to(messages, 0)
