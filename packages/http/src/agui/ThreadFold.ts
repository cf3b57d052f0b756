/**
 * Folds the inputs and events of a thread's runs into messages and state, with the result that a client gets which follows
 * the runs, and drops what is superseded.
 *
 * Source: `defaultApplyEvents` of `@ag-ui/client`.
 */
import { mergeMetadata } from "@ag-ui/core"
import type { AgentEvent } from "@runlease/core"
import type * as OpenedItems from "@runlease/core/OpenedItems"
import type { AgUiMessages } from "@runlease/core/executor"
import { Predicate } from "effect"
import * as JsonPatch from "./JsonPatch.js"
import * as ThreadMessages from "./ThreadMessages.js"

// The metadata of messages and calls, to which events add.

type Event = AgentEvent.LogEvent

type Fields = Readonly<Record<string, unknown>>

/** The most names that the metadata of one message or call has. What would be one more is left out. */
const maxMetadata = 1_000

/** The item with the metadata of an event merged into its own. */
const withMetadata = <A extends Fields>(item: A, { metadata }: Event): A => {
  if (!Predicate.isRecord(metadata)) return item
  const before = item["metadata"] as Fields | undefined
  const names = before === undefined ? 0 : Object.keys(before).length
  return names + Object.keys(metadata).length > maxMetadata
    ? item
    : { ...item, metadata: mergeMetadata(before, metadata) }
}

/** How much larger metadata makes what it belongs to, at most. */
const metadataBytes = ({ metadata }: Event): number => (metadata == null ? 0 : JsonPatch.sizeOf(metadata))

// The state of a thread, folded from snapshots and patches. A state larger than `maxBytes` is omitted until the next
// snapshot.

interface ThreadState {
  readonly set: (value: unknown) => void
  readonly change: (patch: unknown) => void
  readonly value: () => unknown
  readonly omitted: () => boolean
  readonly bytes: () => number
}

const threadState = (maxBytes: number): ThreadState => {
  let state: JsonPatch.Sized | undefined
  let omitted = false
  return {
    set: (value) => {
      const bytes = JsonPatch.sizeOf(value)
      omitted = bytes > maxBytes
      state = omitted ? undefined : { value, bytes }
    },
    change: (patch) => {
      if (omitted) return
      state = JsonPatch.apply(state ?? { value: {}, bytes: 0 }, patch, maxBytes)
      omitted = state === undefined
    },
    value: () => state?.value,
    omitted: () => omitted,
    bytes: () => state?.bytes ?? 0,
  }
}

/** What is dropped from the messages of a thread. */
interface DroppedItems {
  /** Drops messages, and calls with their results. A message stays while a call in it does. */
  readonly add: (ids: OpenedItems.ItemIds) => void

  /** Whether a call is dropped, so that a later result of it is dropped too. */
  readonly has: (toolCallId: string) => boolean

  /** Takes note that a call begins, perhaps once more. */
  readonly begin: (toolCallId: string) => void
}

/** Nothing is dropped. */
const droppedItems = (thread: ThreadMessages.ThreadMessages): DroppedItems => {
  const dropped = new Set<string>()

  const dropCall = (toolCallId: string): void => {
    dropped.add(toolCallId)
    const entry = thread.byCall(toolCallId)
    thread.removeCall(toolCallId)
    if (entry?.callCount === 0 && entry.message["content"] === undefined) thread.remove(entry)
    for (const result of thread.resultsOf(toolCallId)) thread.remove(result)
  }

  const dropMessage = (id: string): void => {
    const entry = thread.byId(id)
    if (entry !== undefined && entry.callCount === 0) thread.remove(entry)
  }

  return {
    add: ({ messages, tool_calls }) => {
      tool_calls.forEach(dropCall)
      messages.forEach(dropMessage)
    },
    has: (toolCallId) => dropped.has(toolCallId),
    begin: (toolCallId) => void dropped.delete(toolCallId),
  }
}

type Message = AgUiMessages.Message

type Entry = ThreadMessages.Entry

/**
 * The newest messages, oldest first, and the number of older ones that are left out. `state` is undefined if no run had
 * any, or if it is `stateOmitted`. `bytes` is the approximate size of all of it.
 */
export interface Folded {
  readonly messages: ReadonlyArray<Message>
  readonly omittedMessages: number
  readonly state: unknown
  readonly stateOmitted: boolean
  readonly bytes: number
}

export interface ThreadFold {
  /** Takes the input of a run. Messages that an earlier log contains stay as they are. */
  readonly input: (messages: ReadonlyArray<Message>, state: unknown) => void
  /** Takes one event, as an AG-UI client does. */
  readonly event: (event: Event) => void
  /** Drops messages, and calls with their results. A message stays while a call in it does. */
  readonly drop: (ids: OpenedItems.ItemIds) => void
  readonly result: () => Folded
}

/** Units: bytes. When the messages are larger the oldest are dropped; a larger state is left out. */
export interface Bounds {
  readonly maxBytes: number
  readonly maxStateBytes: number
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const tagOf = ({ subagentRunId }: Event): Fields => (subagentRunId == null ? {} : { subagentRunId })

export const make = ({ maxBytes, maxStateBytes }: Bounds): ThreadFold => {
  const thread = ThreadMessages.make(maxBytes)
  const { add, addCall, byCall, byId, changeCall, replace } = thread
  const state = threadState(maxStateBytes)
  const dropped = droppedItems(thread)

  /** A message that the log begins starts empty, in the place where its client has sent it. */
  const begin = (id: string, fresh: Message): Entry => {
    const entry = byId(id)
    if (entry === undefined) return add(fresh, true)
    if (entry.fromLog) return entry
    entry.fromLog = true
    const { content, toolCalls } = entry.message
    replace(entry, {
      ...entry.message,
      ...(content === undefined ? {} : { content: "" }),
      ...(toolCalls === undefined
        ? {}
        : {
            toolCalls: ThreadMessages.callsOf(entry).map((call) =>
              ThreadMessages.withArguments(call, () => ""),
            ),
          }),
    })
    return entry
  }

  const start = (event: Event, role: string): void => {
    const id = text(event["messageId"])
    const name = typeof event["name"] === "string" ? { name: event["name"] } : {}
    const entry = begin(id, { id, role, content: "", ...name, ...tagOf(event) })
    if (entry.message.role !== "activity") {
      replace(entry, withMetadata(entry.message, event), metadataBytes(event))
    }
  }

  const append = (event: Event): void => {
    const entry = byId(text(event["messageId"]))
    if (entry === undefined || entry.message.role === "activity") return
    const delta = text(event["delta"])
    const content = `${text(entry.message["content"])}${delta}`
    const more = delta.length + metadataBytes(event)
    replace(entry, withMetadata({ ...entry.message, content }, event), more)
  }

  const end = (event: Event): void => {
    const entry = byId(text(event["messageId"]))
    if (entry !== undefined && Predicate.isRecord(event["metadata"]))
      replace(entry, withMetadata(entry.message, event), metadataBytes(event))
  }

  const startCall = (event: Event): void => {
    const id = text(event["toolCallId"])
    dropped.begin(id)
    const name = text(event["toolCallName"])
    const fresh = { id, type: "function", function: { name, arguments: "" } }
    const existing = byCall(id)
    if (existing !== undefined) {
      const argumentsSoFar = (current: string): string => (existing.fromLog ? current : "")
      return changeCall(id, (call) =>
        withMetadata(ThreadMessages.withArguments(call, argumentsSoFar, name), event),
      )
    }
    const parent = text(event["parentMessageId"])
    const found = byId(parent)
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
    addCall(owner, withMetadata(fresh, event))
    // The input may contain the answer before the log contains the call.
    for (const entry of thread.resultsOf(id)) {
      if (!entry.fromLog && thread.isBefore(entry, owner)) thread.move(entry, owner)
    }
  }

  const result = (event: Event): void => {
    const toolCallId = text(event["toolCallId"])
    if (dropped.has(toolCallId)) return
    const id = text(event["messageId"])
    const message = withMetadata(
      { id, role: "tool", toolCallId, content: event["content"], ...tagOf(event) } as Message,
      event,
    )
    // The result of a call replaces an answer that only let it continue.
    for (const entry of thread.resultsOf(toolCallId)) {
      if (!entry.fromLog && entry.message.id !== id) thread.remove(entry)
    }
    const same = byId(id)
    if (same !== undefined) {
      same.fromLog = true
      return replace(same, message)
    }
    add(message, true, byCall(toolCallId))
  }

  const encrypted = (event: Event): void => {
    const id = text(event["entityId"])
    const encryptedValue = event["encryptedValue"]
    if (event["subtype"] === "tool-call") return changeCall(id, (call) => ({ ...call, encryptedValue }))
    const entry = byId(id) ?? add({ id, role: "reasoning", content: "", ...tagOf(event) }, true)
    if (entry.message.role === "activity") return
    const more = JsonPatch.sizeOf(encryptedValue) - JsonPatch.sizeOf(entry.message["encryptedValue"])
    replace(entry, { ...entry.message, encryptedValue }, more)
  }

  const activity = (event: Event): void => {
    const id = text(event["messageId"])
    const { activityType, content } = event
    const message = withMetadata(
      { id, role: "activity", activityType, content, ...tagOf(event) } as Message,
      event,
    )
    const entry = byId(id)
    if (entry === undefined) add(message, true)
    else if (event["replace"] !== false) replace(entry, message)
  }

  const activityDelta = (event: Event): void => {
    const entry = byId(text(event["messageId"]))
    if (entry?.message.role !== "activity") return
    const content = { value: entry.message["content"], bytes: entry.bytes }
    const changed = JsonPatch.apply(content, event["patch"], maxBytes)
    if (changed === undefined) return
    const more = changed.bytes - content.bytes + metadataBytes(event)
    replace(entry, withMetadata({ ...entry.message, content: changed.value }, event), more)
  }

  const restate = (messages: unknown): void => {
    const listed = Array.isArray(messages) ? messages.filter(Predicate.isRecord) : []
    const roles = new Set(listed.map(({ role }) => role))
    const stays = ({ message }: Entry): boolean =>
      (message.role === "activity" || message.role === "reasoning") && !roles.has(message.role)
    const restated = new Map(listed.map((message) => [text(message["id"]), message as unknown as Message]))
    const found = new Set<string>()
    for (const entry of thread.all()) {
      const { id } = entry.message
      const message = restated.get(id)
      found.add(id)
      entry.fromLog = true
      entry.lastResult = undefined
      if (message !== undefined) replace(entry, message)
      else if (!stays(entry)) thread.remove(entry)
    }
    for (const [id, message] of restated) if (!found.has(id)) add(message, true)
  }

  return {
    drop: dropped.add,

    input: (messages, snapshot) => {
      for (const message of messages) {
        const entry = byId(message.id)
        if (entry === undefined) add(message, false)
        else if (!entry.fromLog) replace(entry, message)
      }
      if (snapshot !== undefined) state.set(snapshot)
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
          const longer = (current: string): string => `${current}${delta}`
          return changeCall(
            text(event["toolCallId"]),
            (call) => withMetadata(ThreadMessages.withArguments(call, longer), event),
            delta.length + metadataBytes(event),
          )
        }
        case "TOOL_CALL_END":
          return Predicate.isRecord(event["metadata"])
            ? changeCall(text(event["toolCallId"]), (call) => withMetadata(call, event), metadataBytes(event))
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
        case "CUSTOM":
          return ThreadMessages.addTold(thread, event)
        case "STATE_SNAPSHOT":
          return state.set(event["snapshot"])
        case "STATE_DELTA":
          return state.change(event["delta"])
        default:
          return undefined
      }
    },

    result: () => ({
      messages: thread.all().map(ThreadMessages.messageOf),
      omittedMessages: thread.omitted(),
      state: state.value(),
      stateOmitted: state.omitted(),
      bytes: thread.bytes() + state.bytes(),
    }),
  }
}
