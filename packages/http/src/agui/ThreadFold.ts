/**
 * The messages and the state that a client has which followed a thread's runs, folded from their inputs and events.
 *
 * Source: `defaultApplyEvents` of `@ag-ui/client`, whose results these are.
 *
 * @since 0.1.0
 */
import { mergeMetadata } from "@ag-ui/core"
import type { AgentEvent, AgUiMessages } from "@runlease/core"
import { Predicate } from "effect"
import * as JsonPatch from "./JsonPatch.js"

type Event = AgentEvent.LogEvent
type Message = AgUiMessages.Message
type Fields = Readonly<Record<string, unknown>>

/**
 * The newest messages, oldest first, and how many before them are left out. `state` is undefined where no run had any,
 * and where it is `stateOmitted`. `bytes`: about how many all of it takes.
 */
export interface Folded {
  readonly messages: ReadonlyArray<Message>
  readonly omittedMessages: number
  readonly state: unknown
  readonly stateOmitted: boolean
  readonly bytes: number
}

export interface ThreadFold {
  /** Takes what a run was asked to do. Messages that a log before has told stay as they are. */
  readonly input: (messages: ReadonlyArray<Message>, state: unknown) => void
  /** Takes one event, as an AG-UI client does. */
  readonly event: (event: Event) => void
  readonly result: () => Folded
}

/** Of larger messages the newest are kept; a larger state is left out. */
export interface Bounds {
  readonly maxBytes: number
  readonly maxStateBytes: number
}

/** A message at its place. `told`: by the log of a run; another only restated what its client has. */
interface Entry {
  message: Message
  told: boolean
  bytes: number
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const callsOf = ({ toolCalls }: Message): ReadonlyArray<Fields> =>
  Array.isArray(toolCalls) ? toolCalls.filter(Predicate.isRecord) : []

const tagOf = ({ subagentRunId }: Event): Fields => (subagentRunId == null ? {} : { subagentRunId })

const withMetadata = <A extends Fields>(item: A, { metadata }: Event): A =>
  Predicate.isRecord(metadata)
    ? { ...item, metadata: mergeMetadata(item["metadata"] as Fields | undefined, metadata) }
    : item

/**
 * An empty thread.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ maxBytes, maxStateBytes }: Bounds): ThreadFold => {
  let entries: Array<Entry> = []
  let byId = new Map<string, Entry>()
  let byCall = new Map<string, Entry>()
  let bytes = 0
  let omittedMessages = 0
  let state: JsonPatch.Sized | undefined
  let stateOmitted = false

  const grow = (entry: Entry, more: number): void => {
    entry.bytes += more
    bytes += more
    while (bytes > maxBytes && entries.length > 0) {
      const first = entries.shift()!
      bytes -= first.bytes
      omittedMessages += 1
      if (byId.get(first.message.id) === first) byId.delete(first.message.id)
      for (const { id } of callsOf(first.message)) byCall.delete(text(id))
    }
  }

  const add = (message: Message, told: boolean, at = entries.length): Entry => {
    const entry: Entry = { message, told, bytes: 0 }
    entries.splice(at, 0, entry)
    byId.set(message.id, entry)
    for (const { id } of callsOf(message)) byCall.set(text(id), entry)
    grow(entry, JsonPatch.sizeOf(message))
    return entry
  }

  const remove = (entry: Entry): void => {
    entries.splice(entries.indexOf(entry), 1)
    bytes -= entry.bytes
    if (byId.get(entry.message.id) === entry) byId.delete(entry.message.id)
  }

  const replace = (entry: Entry, message: Message): void => {
    entry.message = message
    for (const { id } of callsOf(message)) byCall.set(text(id), entry)
    grow(entry, JsonPatch.sizeOf(message) - entry.bytes)
  }

  /** The place behind the message of a call, and behind the results that are there. */
  const placeAfter = (call: Entry): number => {
    let at = entries.indexOf(call) + 1
    while (entries[at]?.message.role === "tool") at += 1
    return at
  }

  /** What a log tells anew begins anew, at the place where its client has restated it. */
  const tell = (id: string, fresh: Message): Entry => {
    const entry = byId.get(id)
    if (entry === undefined) return add(fresh, true)
    if (!entry.told) {
      entry.told = true
      replace(entry, { ...entry.message, ...(entry.message["content"] === undefined ? {} : { content: "" }) })
    }
    return entry
  }

  const start = (event: Event, role: string): void => {
    const id = text(event["messageId"])
    const name = typeof event["name"] === "string" ? { name: event["name"] } : {}
    const entry = tell(id, { id, role, content: "", ...name, ...tagOf(event) })
    if (entry.message.role !== "activity") replace(entry, withMetadata(entry.message, event))
  }

  const append = (event: Event): void => {
    const entry = byId.get(text(event["messageId"]))
    if (entry === undefined || entry.message.role === "activity") return
    const delta = text(event["delta"])
    entry.message = withMetadata(
      { ...entry.message, content: `${text(entry.message["content"])}${delta}` },
      event,
    )
    grow(entry, delta.length)
  }

  const end = (event: Event): void => {
    const entry = byId.get(text(event["messageId"]))
    if (entry !== undefined && Predicate.isRecord(event["metadata"]))
      replace(entry, withMetadata(entry.message, event))
  }

  const onCall = (toolCallId: string, change: (call: Fields) => Fields, more?: number): void => {
    const entry = byCall.get(toolCallId)
    if (entry === undefined) return
    const toolCalls = callsOf(entry.message).map((call) => (call["id"] === toolCallId ? change(call) : call))
    if (more === undefined) return replace(entry, { ...entry.message, toolCalls })
    entry.message = { ...entry.message, toolCalls }
    grow(entry, more)
  }

  const withFunction = (call: Fields, change: (made: Fields) => Fields): Fields => ({
    ...call,
    function: change(Predicate.isRecord(call["function"]) ? call["function"] : {}),
  })

  const startCall = (event: Event): void => {
    const id = text(event["toolCallId"])
    const name = text(event["toolCallName"])
    const fresh = { id, type: "function", function: { name, arguments: "" } }
    if (byCall.has(id)) {
      return onCall(id, (call) =>
        withMetadata(
          withFunction(call, (made) => ({ ...made, ...fresh.function })),
          event,
        ),
      )
    }
    const parent = text(event["parentMessageId"])
    const found = byId.get(parent)
    const owner =
      found?.message.role === "assistant"
        ? found
        : add(
            {
              id: parent === "" || found !== undefined ? id : parent,
              role: "assistant",
              toolCalls: [],
              ...tagOf(event),
            },
            true,
          )
    replace(owner, { ...owner.message, toolCalls: [...callsOf(owner.message), withMetadata(fresh, event)] })
    // An answer may stand in the input before the call that it answers is told.
    const early = entries.filter(
      ({ message, told }) => !told && message.role === "tool" && message["toolCallId"] === id,
    )
    for (const entry of early) {
      if (entries.indexOf(entry) > entries.indexOf(owner)) continue
      entries.splice(entries.indexOf(entry), 1)
      entries.splice(placeAfter(owner), 0, entry)
    }
  }

  const result = (event: Event): void => {
    const toolCallId = text(event["toolCallId"])
    const id = text(event["messageId"])
    const message = withMetadata(
      { id, role: "tool", toolCallId, content: event["content"], ...tagOf(event) } as Message,
      event,
    )
    // What a call gave goes before an answer that only let it go on.
    for (const entry of entries.filter(
      ({ message: one, told }) => !told && one["toolCallId"] === toolCallId,
    )) {
      if (entry.message.role === "tool" && entry.message.id !== id) remove(entry)
    }
    const same = byId.get(id)
    if (same !== undefined) {
      same.told = true
      return replace(same, message)
    }
    const call = byCall.get(toolCallId)
    add(message, true, call === undefined ? entries.length : placeAfter(call))
  }

  const encrypted = (event: Event): void => {
    const id = text(event["entityId"])
    const encryptedValue = event["encryptedValue"]
    if (event["subtype"] === "tool-call") return onCall(id, (call) => ({ ...call, encryptedValue }))
    const entry = byId.get(id) ?? add({ id, role: "reasoning", content: "", ...tagOf(event) }, true)
    if (entry.message.role !== "activity") replace(entry, { ...entry.message, encryptedValue })
  }

  const activity = (event: Event): void => {
    const id = text(event["messageId"])
    const { activityType, content } = event
    const message = withMetadata(
      { id, role: "activity", activityType, content, ...tagOf(event) } as Message,
      event,
    )
    const entry = byId.get(id)
    if (entry === undefined) add(message, true)
    else if (event["replace"] !== false) replace(entry, message)
  }

  const activityDelta = (event: Event): void => {
    const entry = byId.get(text(event["messageId"]))
    if (entry?.message.role !== "activity") return
    const content = { value: entry.message["content"], bytes: entry.bytes }
    const changed = JsonPatch.apply(content, event["patch"], maxBytes)
    if (changed !== undefined)
      replace(entry, withMetadata({ ...entry.message, content: changed.value }, event))
  }

  const restate = (messages: unknown): void => {
    const given = Array.isArray(messages) ? messages.filter(Predicate.isRecord) : []
    const roles = new Set(given.map(({ role }) => role))
    const stays = ({ message }: Entry): boolean =>
      (message.role === "activity" || message.role === "reasoning") && !roles.has(message.role)
    const before = entries
    const known = new Set(before.map(({ message }) => message.id))
    const restated = new Map(given.map((message) => [text(message["id"]), message as unknown as Message]))
    const kept = before.flatMap((entry) => {
      const message = restated.get(entry.message.id) ?? (stays(entry) ? entry.message : undefined)
      return message === undefined ? [] : [message]
    })
    entries = []
    byId = new Map()
    byCall = new Map()
    bytes = 0
    for (const message of kept) add(message, true)
    for (const [id, message] of restated) if (!known.has(id)) add(message, true)
  }

  const setState = (value: unknown): void => {
    const bytes = JsonPatch.sizeOf(value)
    stateOmitted = bytes > maxStateBytes
    state = stateOmitted ? undefined : { value, bytes }
  }

  const changeState = (patch: unknown): void => {
    if (stateOmitted) return
    state = JsonPatch.apply(state ?? { value: {}, bytes: 0 }, patch, maxStateBytes)
    stateOmitted = state === undefined
  }

  return {
    input: (messages, given) => {
      for (const message of messages) {
        const entry = byId.get(message.id)
        if (entry === undefined) add(message, false)
        else if (!entry.told) replace(entry, message)
      }
      if (given !== undefined) setState(given)
    },

    event: (event) => {
      switch (event.type) {
        case "TEXT_MESSAGE_START":
          return start(event, text(event["role"]) || "assistant")
        case "REASONING_MESSAGE_START":
          return start(event, "reasoning")
        case "TEXT_MESSAGE_CONTENT":
        case "REASONING_MESSAGE_CONTENT":
          return append(event)
        case "TEXT_MESSAGE_END":
        case "REASONING_MESSAGE_END":
          return end(event)
        case "TOOL_CALL_START":
          return startCall(event)
        case "TOOL_CALL_ARGS": {
          const delta = text(event["delta"])
          const longer = (made: Fields): Fields => ({
            ...made,
            arguments: `${text(made["arguments"])}${delta}`,
          })
          return onCall(
            text(event["toolCallId"]),
            (call) => withMetadata(withFunction(call, longer), event),
            delta.length,
          )
        }
        case "TOOL_CALL_END":
          return Predicate.isRecord(event["metadata"])
            ? onCall(text(event["toolCallId"]), (call) => withMetadata(call, event))
            : undefined
        case "TOOL_CALL_RESULT":
          return result(event)
        case "REASONING_ENCRYPTED_VALUE":
          return encrypted(event)
        case "ACTIVITY_SNAPSHOT":
          return activity(event)
        case "ACTIVITY_DELTA":
          return activityDelta(event)
        case "MESSAGES_SNAPSHOT":
          return restate(event["messages"])
        case "STATE_SNAPSHOT":
          return setState(event["snapshot"])
        case "STATE_DELTA":
          return changeState(event["delta"])
        default:
          return undefined
      }
    },

    result: () => ({
      messages: entries.map(({ message }) => message),
      omittedMessages,
      state: state?.value,
      stateOmitted,
      bytes: bytes + (state?.bytes ?? 0),
    }),
  }
}
