/**
 * What an agent tells of its work, as AG-UI events.
 *
 * A message or a thought with a message id lasts until a chunk has another id, and is begun again when its id comes back.
 * Without an id it lasts until something else comes. A tool call ends when its arguments are known, and has its result when it
 * is done. A plan is an activity: it is shown as it moves on, and is no state that a client would send back. What AG-UI has no
 * event for is CUSTOM, as the agent gave it.
 */
import { AgentEvent } from "@runlease/core"
import { Option, Predicate } from "effect"
import * as Truncation from "./Truncation.js"
import * as ToolCalls from "./ToolCalls.js"
import * as SessionUpdate from "./SessionUpdate.js"

export interface Options extends ToolCalls.Options {
  /** The id of the first message; each later one has this and a number. */
  readonly messageId: string
}

export type Event = AgentEvent.LogEvent

type Events = ReadonlyArray<Event>

type Kind = "text" | "thought"

interface OpenMessage {
  readonly kind: Kind
  readonly id: string
  /** The agent's own id of the message. */
  readonly of: string | undefined
}

export interface Updates {
  /** The events of one `session/update`. */
  readonly on: (update: unknown) => Events
  /** The events of an update that comes after a cancellation: those of tool calls, but for the ones in `excluded`. */
  readonly onCancelled: (update: unknown, excluded: ReadonlySet<string>) => Events
  /** The events of a tool call that the agent asks about, and the call as it is known now. */
  readonly asked: (call: SessionUpdate.ToolCall) => readonly [Events, ToolCalls.Known]
  /** The results of the calls that a cancellation leaves undone, but for the ones in `excluded`. */
  readonly cancelCalls: (excluded: ReadonlySet<string>) => Events
  /** The events that end what is open. */
  readonly close: () => Events
  /** The latest `usage_update`, and the title that the agent gave its session. */
  readonly metadata: () => Readonly<Record<string, unknown>>
}

const starts = (kind: Kind, id: string): Events =>
  kind === "text"
    ? [AgentEvent.textStart(id)]
    : [
        { type: "REASONING_START", messageId: id },
        { type: "REASONING_MESSAGE_START", messageId: id, role: "reasoning" },
      ]

/** How many bytes of an agent's own additions go with the text of a chunk. */
const maxMetaBytes = 16_000

const delta = (kind: Kind, id: string, text: string, { _meta }: SessionUpdate.Chunk): AgentEvent.AgentEvent => ({
  ...(kind === "text"
    ? AgentEvent.textContent(id, text)
    : { type: "REASONING_MESSAGE_CONTENT", messageId: id, delta: text }),
  ...(_meta == null ? {} : { metadata: { acp: { _meta: Truncation.json(_meta, maxMetaBytes) } } }),
})

const ends = (kind: Kind, id: string): Events =>
  kind === "text"
    ? [AgentEvent.textEnd(id)]
    : [
        { type: "REASONING_MESSAGE_END", messageId: id },
        { type: "REASONING_END", messageId: id },
      ]

export const make = ({ messageId, ...options }: Options): Updates => {
  const calls = ToolCalls.make(options)
  let metadata: Readonly<Record<string, unknown>> = {}
  let open: ReadonlyArray<OpenMessage> = []
  /** The ids of the messages that the agent gave one. */
  const named = new Map<string, string>()
  let count = 0

  const close = (ending: (message: OpenMessage) => boolean): Events => {
    const closing = open.filter(ending)
    open = open.filter((message) => !ending(message))
    return closing.flatMap(({ id, kind }) => ends(kind, id))
  }

  /** Ends the message or thought without an id, since something else comes. */
  const closeUnnamed = () => close(({ of }) => of === undefined)

  /** An id of its own for each message, and the same again for one that was begun before. */
  const idOf = (kind: Kind, of: string | undefined): string => {
    const key = `${kind} ${of}`
    const known = of === undefined ? undefined : named.get(key)
    if (known !== undefined) return known
    const id = count === 0 ? messageId : `${messageId}.${count}`
    count += 1
    if (of !== undefined) named.set(key, id)
    return id
  }

  const onChunk = (kind: Kind, chunk: SessionUpdate.Chunk): Events => {
    const { content } = chunk
    const text = content.type === "text" ? content["text"] : undefined
    if (text === "" && chunk._meta == null) return []
    if (typeof text !== "string" || text === "") {
      return [AgentEvent.custom("acp.content", Truncation.json({ kind, ...chunk }))]
    }
    const of = chunk.messageId ?? undefined
    const same = open.find((message) => message.kind === kind && message.of === of)
    if (same !== undefined) return [delta(kind, same.id, text, chunk)]
    const closing = close((message) => message.of === undefined || message.of !== of)
    const id = idOf(kind, of)
    open = [...open, { kind, id, of }]
    return [...closing, ...starts(kind, id), delta(kind, id, text, chunk)]
  }

  const onPlan = ({ entries }: SessionUpdate.Plan): Events => [
    {
      type: "ACTIVITY_SNAPSHOT",
      messageId: `${messageId}-plan`,
      activityType: "PLAN",
      content: Truncation.json({ entries }),
      replace: true,
    },
  ]

  const onOther = (update: unknown): Events => {
    const { sessionUpdate, ...value } = Predicate.isRecord(update)
      ? update
      : { sessionUpdate: "unknown", update }
    return [AgentEvent.custom(`acp.${String(sessionUpdate)}`, Truncation.json(value))]
  }

  const on = (update: unknown): Events =>
    Option.match(SessionUpdate.decode(update), {
      onNone: () => onOther(update),
      onSome: (known) => {
        switch (known.sessionUpdate) {
          case "agent_message_chunk":
            return onChunk("text", known)
          case "agent_thought_chunk":
            return onChunk("thought", known)
          case "user_message_chunk":
            // The run's own request, which its conversation has.
            return []
          case "tool_call":
          case "tool_call_update":
            return [...closeUnnamed(), ...calls.on(known)]
          case "plan":
            return onPlan(known)
          case "usage_update": {
            const { cost, size, used } = known
            metadata = { ...metadata, context: { used, size, ...(cost == null ? {} : { cost }) } }
            return []
          }
        }
      },
    })

  return {
    on,
    onCancelled: (update, excluded) =>
      Option.match(SessionUpdate.decode(update), {
        onNone: () => [],
        onSome: (known) =>
          "toolCallId" in known && !excluded.has(known.toolCallId)
            ? [...closeUnnamed(), ...calls.on(known)]
            : [],
      }),
    asked: (call) => {
      const closing = closeUnnamed()
      const [events, known] = calls.asked(call)
      return [[...closing, ...events], known]
    },
    cancelCalls: calls.cancel,
    close: () => [...close(() => true), ...calls.close()],
    metadata: () => metadata,
  }
}
