/**
 * The messages of a thread while it is folded: found by their ids and by the tool calls that they hold, and bounded in bytes.
 *
 * What a change costs does not grow with the thread, nor with the calls of the message that it changes.
 */
import { type AgentEvent, InboxMessage } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { Option, Predicate } from "effect"
import * as JsonPatch from "./JsonPatch.js"

// A list in which no step takes longer in a longer list: to add behind an item, to remove one, and to compare two places.

/** What an item of a list begins with. It is in one list at most. */
interface Linked<A> {
  before: A | undefined
  after: A | undefined
  /** Grows from the beginning of the list to its end; undefined outside of a list. */
  order: number | undefined
  /** How often it has left a place. */
  moves: number
}

const unlinked = { before: undefined, after: undefined, order: undefined, moves: 0 } as const

interface LinkedList<A extends Linked<A>> {
  readonly first: () => A | undefined
  /** The items from the first on. */
  readonly all: () => ReadonlyArray<A>
  /** Adds an item behind another one, or at the end. */
  readonly add: (item: A, behind?: A) => void
  readonly remove: (item: A) => void
  readonly isBefore: (item: A, other: A) => boolean
  readonly clear: () => void
}

/** Room for some forty items between two, before all get new numbers. */
const gap = 2 ** 40

const linkedList = <A extends Linked<A>>(): LinkedList<A> => {
  let first: A | undefined
  let last: A | undefined

  const renumber = (): void => {
    let order = 0
    for (let item = first; item !== undefined; item = item.after) item.order = order += gap
  }

  const place = (item: A): void => {
    const { after, before } = item
    if (after === undefined) item.order = (before?.order ?? 0) + gap
    else {
      const least = before?.order ?? after.order! - 2 * gap
      item.order = (least + after.order!) / 2
      if (item.order <= least || item.order >= after.order!) renumber()
    }
  }

  return {
    first: () => first,
    all: () => {
      const items: Array<A> = []
      for (let item = first; item !== undefined; item = item.after) items.push(item)
      return items
    },
    add: (item, behind = last) => {
      item.before = behind
      item.after = behind === undefined ? first : behind.after
      if (item.before === undefined) first = item
      else item.before.after = item
      if (item.after === undefined) last = item
      else item.after.before = item
      place(item)
    },
    remove: (item) => {
      if (item.order === undefined) return
      if (item.before === undefined) first = item.after
      else item.before.after = item.after
      if (item.after === undefined) last = item.before
      else item.after.before = item.before
      item.before = item.after = item.order = undefined
      item.moves += 1
    },
    isBefore: (item, other) => (item.order ?? 0) < (other.order ?? 0),
    clear: () => {
      for (let item = first; item !== undefined;) {
        const { after } = item
        item.before = item.after = item.order = undefined
        item.moves += 1
        item = after
      }
      first = last = undefined
    },
  }
}

type Message = AgUiMessages.Message

type Call = Readonly<Record<string, unknown>>

/**
 * A message at its place. `fromLog`: the log of a run contains it; otherwise only its client has sent it. `calls`: its tool calls, where
 * they have changed; one that was dropped is undefined, and not in `callCount`.
 */
export interface Entry extends Linked<Entry> {
  message: Message
  fromLog: boolean
  bytes: number
  calls: Array<Call | undefined> | undefined
  callCount: number
  /** The last result behind a message with calls, as it was when it was looked for. */
  lastResult: { readonly entry: Entry; readonly moves: number } | undefined
}

export interface ThreadMessages {
  readonly byId: (id: string) => Entry | undefined
  /** The message that holds a tool call. */
  readonly byCall: (toolCallId: string) => Entry | undefined
  readonly resultsOf: (toolCallId: string) => ReadonlyArray<Entry>
  readonly all: () => ReadonlyArray<Entry>
  /** About how many bytes they take, and how many messages were left out for that. */
  readonly bytes: () => number
  readonly omitted: () => number
  /** Adds a message: behind the message of a call and the results that stand there, or at the end. */
  readonly add: (message: Message, fromLog: boolean, call?: Entry) => Entry
  readonly remove: (entry: Entry) => void
  /**
   * Sets the message of an entry. Its calls stay where the message has the same `toolCalls` as before. `more` is the number of bytes that
   * it has grown by, if the caller has counted them.
   */
  readonly replace: (entry: Entry, message: Message, more?: number) => void
  readonly addCall: (entry: Entry, call: Call) => void
  /** Changes a call; `more` as that of `replace`. */
  readonly changeCall: (toolCallId: string, change: (call: Call) => Call, more?: number) => void
  /** Takes a call out of its message. */
  readonly removeCall: (toolCallId: string) => void
  readonly isBefore: (entry: Entry, other: Entry) => boolean
  readonly move: (entry: Entry, behind: Entry) => void
}

const ownCalls = ({ toolCalls }: Message): ReadonlyArray<Call> =>
  Array.isArray(toolCalls) ? toolCalls.filter(Predicate.isRecord) : []

/** The tool calls that a message holds. */
export const callsOf = ({ calls, message }: Entry): ReadonlyArray<Call> =>
  calls === undefined ? ownCalls(message) : calls.filter((call) => call !== undefined)

/** The message with its calls as they are now. */
export const messageOf = (entry: Entry): Message => {
  if (entry.calls === undefined) return entry.message
  const { toolCalls: _toolCalls, ...rest } = entry.message
  const calls = callsOf(entry)
  return (
    calls.length === 0 && rest["content"] !== undefined ? rest : { ...rest, toolCalls: calls }
  ) as Message
}

/** The call with other arguments, and with `name` if it is present. */
export const withArguments = (call: Call, change: (current: string) => string, name?: string): Call => {
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

/** A call by its message and its place there. */
interface PlacedCall {
  readonly entry: Entry
  readonly at: number
}

/** No messages. Of more than `maxBytes` the oldest are left out. */
export const make = (maxBytes: number): ThreadMessages => {
  const list = linkedList<Entry>()
  const ids = new Map<string, Entry>()
  const calls = new Map<string, PlacedCall>()
  const results = new Map<string, Set<Entry>>()
  let bytes = 0
  let omitted = 0

  const resultOf = ({ role, toolCallId }: Message): string | undefined =>
    role === "tool" && typeof toolCallId === "string" ? toolCallId : undefined

  const indexCalls = (entry: Entry): void => {
    const own = callsOf(entry)
    entry.callCount = own.length
    own.forEach(({ id }, at) => calls.set(String(id), { entry, at }))
  }

  const forgetCalls = (entry: Entry): void => {
    for (const { id } of callsOf(entry)) {
      if (calls.get(String(id))?.entry === entry) calls.delete(String(id))
    }
  }

  const indexMessage = (entry: Entry): void => {
    const { message } = entry
    ids.set(message.id, entry)
    const result = resultOf(message)
    if (result === undefined) return
    const others = results.get(result)
    if (others === undefined) results.set(result, new Set([entry]))
    else others.add(entry)
  }

  const forgetMessage = (entry: Entry): void => {
    const { message } = entry
    if (ids.get(message.id) === entry) ids.delete(message.id)
    const result = resultOf(message)
    const others = result === undefined ? undefined : results.get(result)
    others?.delete(entry)
    if (others?.size === 0) results.delete(result!)
  }

  const take = (entry: Entry): void => {
    if (entry.order === undefined) return
    forgetMessage(entry)
    forgetCalls(entry)
    list.remove(entry)
    bytes -= entry.bytes
  }

  const isTooMuch = (): boolean => bytes > maxBytes

  const grow = (entry: Entry, more: number): void => {
    if (entry.order === undefined) return
    entry.bytes += more
    bytes += more
    for (let oldest = list.first(); oldest !== undefined && isTooMuch(); oldest = list.first()) {
      take(oldest)
      omitted += 1
    }
  }

  /** The place behind the message of a call, and behind the results that stand there. */
  const endOfResults = (call: Entry): Entry => {
    const latest = call.lastResult
    let at = latest === undefined || latest.moves !== latest.entry.moves ? call : latest.entry
    while (at.after?.message.role === "tool") at = at.after
    if (at !== call) call.lastResult = { entry: at, moves: at.moves }
    return at
  }

  const placeBehind = (entry: Entry, call: Entry | undefined): void =>
    list.add(entry, call?.order === undefined ? undefined : endOfResults(call))

  return {
    byId: (id) => ids.get(id),
    byCall: (toolCallId) => calls.get(toolCallId)?.entry,
    resultsOf: (toolCallId) => Array.from(results.get(toolCallId) ?? []),
    all: list.all,
    bytes: () => bytes,
    omitted: () => omitted,

    add: (message, fromLog, call) => {
      const entry: Entry = {
        ...unlinked,
        message,
        fromLog,
        bytes: 0,
        calls: undefined,
        callCount: 0,
        lastResult: undefined,
      }
      placeBehind(entry, call)
      indexMessage(entry)
      indexCalls(entry)
      grow(entry, JsonPatch.sizeOf(message))
      return entry
    },

    remove: take,

    replace: (entry, message, more) => {
      if (entry.order === undefined) return
      forgetMessage(entry)
      if (message["toolCalls"] === entry.message["toolCalls"]) entry.message = message
      else {
        forgetCalls(entry)
        entry.message = message
        entry.calls = undefined
        indexCalls(entry)
      }
      indexMessage(entry)
      grow(entry, more ?? JsonPatch.sizeOf(messageOf(entry)) - entry.bytes)
    },

    addCall: (entry, call) => {
      if (entry.order === undefined) return
      entry.calls ??= [...callsOf(entry)]
      calls.set(String(call["id"]), { entry, at: entry.calls.push(call) - 1 })
      entry.callCount += 1
      grow(entry, JsonPatch.sizeOf(call) + 1)
    },

    changeCall: (toolCallId, change, more) => {
      const placed = calls.get(toolCallId)
      if (placed === undefined) return
      const { at, entry } = placed
      entry.calls ??= [...callsOf(entry)]
      const before = entry.calls[at]!
      const after = (entry.calls[at] = change(before))
      grow(entry, more ?? JsonPatch.sizeOf(after) - JsonPatch.sizeOf(before))
    },

    removeCall: (toolCallId) => {
      const placed = calls.get(toolCallId)
      if (placed === undefined) return
      const { at, entry } = placed
      entry.calls ??= [...callsOf(entry)]
      grow(entry, -JsonPatch.sizeOf(entry.calls[at]) - 1)
      entry.calls[at] = undefined
      entry.callCount -= 1
      calls.delete(toolCallId)
    },

    isBefore: list.isBefore,

    move: (entry, behind) => {
      list.remove(entry)
      placeBehind(entry, behind)
    },
  }
}

/** Adds the message to the run that an event has, under the id that its client may have for it. Another event adds none. */
export const addTold = ({ add, byId }: ThreadMessages, event: AgentEvent.LogEvent): void => {
  const inboxMessage = Option.getOrUndefined(InboxMessage.fromEvent(event))
  const id = inboxMessage?.key ?? inboxMessage?.id
  if (inboxMessage === undefined || id === undefined || byId(id) !== undefined) return
  for (const message of AgUiMessages.toAgUi([{ id, role: "user", parts: inboxMessage.parts }]))
    add(message, true)
}
