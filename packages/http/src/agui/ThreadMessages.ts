/**
 * The messages of a thread while it is folded: found by their ids and by the tool calls that they hold, and bounded in bytes.
 *
 * @since 0.1.0
 */
import { type AgentEvent, AgUiMessages, InboxMessage } from "@runlease/core"
import { Option, Predicate } from "effect"
import * as JsonPatch from "./JsonPatch.js"

type Message = AgUiMessages.Message

/** A message at its place. `fromLog`: the log of a run contains it; otherwise only its client has sent it. */
export interface Entry {
  message: Message
  fromLog: boolean
  bytes: number
}

export interface ThreadMessages {
  readonly byId: (id: string) => Entry | undefined
  /** The message that holds a tool call. */
  readonly byCall: (toolCallId: string) => Entry | undefined
  readonly all: () => ReadonlyArray<Entry>
  /** About how many bytes they take, and how many messages were left out for that. */
  readonly bytes: () => number
  readonly omitted: () => number
  /** Adds a message, at the end where no place is given. */
  readonly add: (message: Message, fromLog: boolean, at?: number) => Entry
  readonly remove: (entry: Entry) => void
  /** Sets the message of an entry; `more` is the number of bytes that it has grown by, if the caller has counted them. */
  readonly replace: (entry: Entry, message: Message, more?: number) => void
  /** The place behind the message of a call, and behind the results that stand there. */
  readonly placeAfter: (call: Entry) => number
  readonly move: (entry: Entry, behind: Entry) => void
  readonly clear: () => void
}

/** The tool calls that a message holds. */
export const callsOf = ({ toolCalls }: Message): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(toolCalls) ? toolCalls.filter(Predicate.isRecord) : []

/** The call with other arguments, and another name where one is given. */
export const withArguments = (
  call: Readonly<Record<string, unknown>>,
  change: (given: string) => string,
  name?: string,
): Readonly<Record<string, unknown>> => {
  const made = Predicate.isRecord(call["function"]) ? call["function"] : {}
  return {
    ...call,
    function: {
      ...made,
      ...(name === undefined ? {} : { name }),
      arguments: change(typeof made["arguments"] === "string" ? made["arguments"] : ""),
    },
  }
}

/**
 * No messages. Of more than `maxBytes` the oldest are left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (maxBytes: number): ThreadMessages => {
  let entries: Array<Entry> = []
  let ids = new Map<string, Entry>()
  let calls = new Map<string, Entry>()
  let bytes = 0
  let omitted = 0

  const index = (entry: Entry): void => {
    ids.set(entry.message.id, entry)
    for (const { id } of callsOf(entry.message)) calls.set(String(id), entry)
  }

  const forget = (entry: Entry): void => {
    if (ids.get(entry.message.id) === entry) ids.delete(entry.message.id)
    for (const { id } of callsOf(entry.message)) {
      if (calls.get(String(id)) === entry) calls.delete(String(id))
    }
  }

  const grow = (entry: Entry, more: number): void => {
    entry.bytes += more
    bytes += more
    while (bytes > maxBytes && entries.length > 0) {
      const oldest = entries.shift()!
      forget(oldest)
      bytes -= oldest.bytes
      omitted += 1
    }
  }

  const placeAfter = (call: Entry): number => {
    let at = entries.indexOf(call) + 1
    while (entries[at]?.message.role === "tool") at += 1
    return at
  }

  return {
    byId: (id) => ids.get(id),
    byCall: (toolCallId) => calls.get(toolCallId),
    all: () => entries,
    bytes: () => bytes,
    omitted: () => omitted,

    add: (message, fromLog, at = entries.length) => {
      const entry: Entry = { message, fromLog, bytes: 0 }
      entries.splice(at, 0, entry)
      index(entry)
      grow(entry, JsonPatch.sizeOf(message))
      return entry
    },

    remove: (entry) => {
      entries.splice(entries.indexOf(entry), 1)
      forget(entry)
      bytes -= entry.bytes
    },

    replace: (entry, message, more) => {
      if (more === undefined) forget(entry)
      entry.message = message
      if (more === undefined) index(entry)
      grow(entry, more ?? JsonPatch.sizeOf(message) - entry.bytes)
    },

    placeAfter,

    move: (entry, behind) => {
      entries.splice(entries.indexOf(entry), 1)
      entries.splice(placeAfter(behind), 0, entry)
    },

    clear: () => {
      entries = []
      ids = new Map()
      calls = new Map()
      bytes = 0
    },
  }
}

/**
 * Adds the message that the run was told by an event, under the id that its client may have for it. Another event adds none.
 *
 * @since 0.1.0
 * @category adding
 */
export const addTold = ({ add, byId }: ThreadMessages, event: AgentEvent.LogEvent): void => {
  const told = Option.getOrUndefined(InboxMessage.fromEvent(event))
  const id = told?.key ?? told?.id
  if (told === undefined || id === undefined || byId(id) !== undefined) return
  for (const message of AgUiMessages.toAgUi([{ id, role: "user", parts: told.parts }])) add(message, true)
}
