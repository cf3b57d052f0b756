/**
 * Converts the updates of an agent's session to AG-UI events.
 *
 * A message or thought with an id ends when a chunk has another id, and starts again when its id returns. One without an id
 * ends at the next update of another kind. A tool call ends when its arguments are complete, and gets its result when it is
 * done. A plan becomes an activity and not a state, since a client would send a state back. An update without an AG-UI event
 * becomes a CUSTOM event with the agent's data.
 */
import { AgentEvent } from "@runlease/core"
import { Option, Predicate } from "effect"
import * as Truncation from "./Truncation.js"
import * as ToolCalls from "./ToolCalls.js"
import * as SessionUpdate from "./SessionUpdate.js"

export interface Options extends ToolCalls.Options {
  /** The id of the first message. Each later message has this id and a number. */
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

export interface UpdateEvents {
  /** The events of one `session/update`. */
  readonly on: (update: unknown) => Events
  /** The events of an update after a cancellation: only those of tool calls that are not in `excluded`. */
  readonly onCancelled: (update: unknown, excluded: ReadonlySet<string>) => Events
  /** The events of a tool call that needs permission, and its state. */
  readonly onPermissionRequest: (call: SessionUpdate.ToolCall) => readonly [Events, ToolCalls.CallState]
  /** The results of calls that a cancellation leaves unfinished, except for those in `excluded`. */
  readonly cancelCalls: (excluded: ReadonlySet<string>) => Events
  /** The events that end all open items. */
  readonly close: () => Events
  /** The latest `usage_update`. */
  readonly metadata: () => Readonly<Record<string, unknown>>
}

const starts = (kind: Kind, id: string): Events =>
  kind === "text"
    ? [AgentEvent.textStart(id)]
    : [
        { type: "REASONING_START", messageId: id },
        { type: "REASONING_MESSAGE_START", messageId: id, role: "reasoning" },
      ]

/** The largest `_meta` of a chunk, in bytes. */
const maxMetaBytes = 16_000

const delta = (
  kind: Kind,
  id: string,
  text: string,
  { _meta }: SessionUpdate.Chunk,
): AgentEvent.AgentEvent => ({
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

export const make = ({ messageId, ...options }: Options): UpdateEvents => {
  const calls = ToolCalls.make(options)
  let metadata: Readonly<Record<string, unknown>> = {}
  let open: ReadonlyArray<OpenMessage> = []
  /** The log's ids of messages that have an id of the agent. */
  const idsByKey = new Map<string, string>()
  let count = 0

  const close = (ending: (message: OpenMessage) => boolean): Events => {
    const closing = open.filter(ending)
    open = open.filter((message) => !ending(message))
    return closing.flatMap(({ id, kind }) => ends(kind, id))
  }

  /** Ends the message or thought without an id. */
  const closeUnnamed = () => close(({ of }) => of === undefined)

  /** The log's id of a message. A message that starts again has the same id. */
  const idOf = (kind: Kind, of: string | undefined): string => {
    const key = `${kind} ${of}`
    const existing = of === undefined ? undefined : idsByKey.get(key)
    if (existing !== undefined) return existing
    const id = count === 0 ? messageId : `${messageId}.${count}`
    count += 1
    if (of !== undefined) idsByKey.set(key, id)
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
      onSome: (decoded) => {
        switch (decoded.sessionUpdate) {
          case "agent_message_chunk":
            return onChunk("text", decoded)
          case "agent_thought_chunk":
            return onChunk("thought", decoded)
          case "user_message_chunk":
            // The conversation already holds the run's own request.
            return []
          case "tool_call":
          case "tool_call_update":
            return [...closeUnnamed(), ...calls.on(decoded)]
          case "plan":
            return onPlan(decoded)
          case "usage_update": {
            const { cost, size, used } = decoded
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
        onSome: (decoded) =>
          "toolCallId" in decoded && !excluded.has(decoded.toolCallId)
            ? [...closeUnnamed(), ...calls.on(decoded)]
            : [],
      }),
    onPermissionRequest: (call) => {
      const closing = closeUnnamed()
      const [events, state] = calls.onPermissionRequest(call)
      return [[...closing, ...events], state]
    },
    cancelCalls: calls.cancel,
    close: () => [...close(() => true), ...calls.close()],
    metadata: () => metadata,
  }
}
