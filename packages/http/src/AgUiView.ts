/**
 * A run's log as an AG-UI 1.0 client takes it, whatever the log holds.
 *
 * What the client would refuse is repaired, or shown as a RAW event, or left out: missing starts are inserted, ends of
 * what is not open and second starts left out, and nothing is open when the run finishes. The run's own events name it
 * as the client knows it. What a client older than 1.0 refuses has another form for it.
 *
 * Source: `verifyEvents` of `@ag-ui/client`, whose rules these are.
 *
 * @since 0.1.0
 */
import { EventSchemas, PROTOCOL_VERSION } from "@ag-ui/core/schemas"
import { type AgentEvent, LogState } from "@runlease/core"
import { Predicate } from "effect"
import * as OlderForm from "./agui/OlderForm.js"
import * as Ownership from "./agui/Ownership.js"
import * as PartEnd from "./agui/PartEnd.js"
import type { Peer } from "./agui/Peer.js"

export type { Peer }

type Event = AgentEvent.LogEvent

/** The run that a log is of, by the names that the client has for it. */
export interface Subject {
  readonly runId: string
  readonly threadId: string
}

const raw = (event: Event): Event => ({ type: "RAW", event })

const withoutNulls = (event: Event): Event =>
  Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null)) as Event

/** What is ours in an interrupt goes among its metadata. */
const toInterrupt = (interrupt: unknown): unknown => {
  if (!Predicate.isRecord(interrupt) || interrupt["toolName"] === undefined) return interrupt
  const { clientTool: _clientTool, metadata, toolName, ...rest } = interrupt
  return { ...rest, metadata: { toolName, ...(Predicate.isRecord(metadata) ? metadata : {}) } }
}

const withInterrupts = (event: Event): Event => {
  const outcome = event["outcome"]
  return event.type === "RUN_FINISHED" && Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
    ? { ...event, outcome: { ...outcome, interrupts: outcome["interrupts"].map(toInterrupt) } }
    : event
}

/**
 * The event as AG-UI 1.0 takes it: optional fields that are null are absent, and what does not fit is RAW.
 *
 * @since 0.1.0
 * @category events
 */
export const normalize = (given: Event): Event => {
  const event = withInterrupts(given)
  // A client refuses this null even where the schema does not know the field.
  if (event["subagentRunId"] !== null && EventSchemas.safeParse(event).success) return event
  const bare = withoutNulls(event)
  return EventSchemas.safeParse(bare).success ? bare : raw(event)
}

const text = (event: Event, field: string): string | undefined => {
  const value = event[field]
  return typeof value === "string" ? value : undefined
}

const tag = (event: Event): { readonly subagentRunId?: string } => {
  const subagentRunId = text(event, "subagentRunId")
  return subagentRunId === undefined ? {} : { subagentRunId }
}

/** For what continues something: the start that must have come before it. */
const startOf = (event: Event): Event | undefined => {
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
      return { type: "TEXT_MESSAGE_START", messageId: event["messageId"], role: "assistant", ...tag(event) }
    case "TOOL_CALL_ARGS":
      return {
        type: "TOOL_CALL_START",
        toolCallId: event["toolCallId"],
        toolCallName: text(event, "toolCallName") ?? "unknown",
        ...tag(event),
      }
    case "REASONING_MESSAGE_CONTENT":
      return {
        type: "REASONING_MESSAGE_START",
        messageId: event["messageId"],
        role: "reasoning",
        ...tag(event),
      }
    default:
      return undefined
  }
}

interface ChunkKind {
  readonly idField: string
  readonly start: string
  readonly content: string
  readonly end: string
}

const chunkKinds: Readonly<Record<string, ChunkKind>> = {
  TEXT_MESSAGE_CHUNK: {
    idField: "messageId",
    start: "TEXT_MESSAGE_START",
    content: "TEXT_MESSAGE_CONTENT",
    end: "TEXT_MESSAGE_END",
  },
  TOOL_CALL_CHUNK: {
    idField: "toolCallId",
    start: "TOOL_CALL_START",
    content: "TOOL_CALL_ARGS",
    end: "TOOL_CALL_END",
  },
  REASONING_MESSAGE_CHUNK: {
    idField: "messageId",
    start: "REASONING_MESSAGE_START",
    content: "REASONING_MESSAGE_CONTENT",
    end: "REASONING_MESSAGE_END",
  },
}

/** What chunks have opened: it ends with the first event that is not one more of them. */
interface OpenChunk {
  readonly kind: ChunkKind
  readonly id: string
}

/** An event of a log as the client takes it. */
const eventFor: Readonly<Record<Peer, (event: Event) => Event>> = {
  current: normalize,
  older: (event) => OlderForm.of(normalize(event)),
}

/** `toEvent` is `eventFor` of the peer, for a caller that remembers what it gives. */
export interface Options {
  readonly peer?: Peer
  readonly toEvent?: (event: Event) => Event
}

/**
 * A view of one log: given its events one by one, from the first, it gives what to show for each. It keeps what is open
 * and who owns it, and depends on nothing else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  subject: Subject,
  { peer = "current", toEvent = eventFor[peer] }: Options = {},
): ((event: Event) => ReadonlyArray<Event>) => {
  let state = LogState.initial
  let owners = Ownership.make()
  let openChunk: OpenChunk | undefined

  const partEnd = PartEnd.make(peer)

  const runStarted: Event = {
    type: "RUN_STARTED",
    threadId: subject.threadId,
    runId: subject.runId,
    protocolVersion: PROTOCOL_VERSION,
  }

  const named = (event: Event): Event =>
    event["threadId"] === subject.threadId && event["runId"] === subject.runId
      ? event
      : { ...event, threadId: subject.threadId, runId: subject.runId }

  const show = (out: Array<Event>, event: Event): void => {
    state = LogState.next(state, event)
    partEnd.observe(event)
    out.push(event)
  }

  const start = (out: Array<Event>, event: Event): void => {
    if (state.started) return
    owners = Ownership.make()
    owners.seed(event)
    show(out, event)
  }

  const closeChunk = (out: Array<Event>): void => {
    if (openChunk === undefined) return
    const { id, kind } = openChunk
    openChunk = undefined
    const end: Event = { type: kind.end, [kind.idField]: id }
    if (!LogState.misplaced(state, end)) show(out, end)
  }

  const showOwned = (out: Array<Event>, event: Event): void => {
    const missing = startOf(event)
    if (missing !== undefined && !LogState.misplaced(state, missing))
      show(out, owners.admit(missing) ?? missing)
    if (LogState.misplaced(state, event)) return
    show(out, owners.admit(event) ?? raw(event))
  }

  const finish = (out: Array<Event>, given: Event, event: Event): void => {
    for (const added of partEnd.before(given)) showOwned(out, added)
    const end = partEnd.of(given, event)
    show(out, end.type === "RUN_FINISHED" ? named(end) : end)
  }

  const chunk = (out: Array<Event>, event: Event, kind: ChunkKind): void => {
    const given = text(event, kind.idField)
    const id = given ?? (openChunk?.kind === kind ? openChunk.id : undefined)
    if (openChunk !== undefined && (openChunk.kind !== kind || openChunk.id !== id)) closeChunk(out)
    if (id === undefined) return show(out, raw(event))
    const { delta, type: _, ...rest } = event
    const opening = normalize(
      kind.start === "REASONING_MESSAGE_START"
        ? { role: "reasoning", ...rest, type: kind.start, [kind.idField]: id }
        : kind.start === "TEXT_MESSAGE_START"
          ? { role: "assistant", ...rest, type: kind.start, [kind.idField]: id }
          : { toolCallName: "unknown", ...rest, type: kind.start, [kind.idField]: id },
    )
    if (opening.type === "RAW") return show(out, raw(event))
    if (!LogState.misplaced(state, opening)) {
      show(out, owners.admit(opening) ?? opening)
      openChunk = { kind, id }
    }
    if (typeof delta === "string" && delta !== "") {
      showOwned(out, { type: kind.content, [kind.idField]: id, delta, ...tag(event) })
    }
  }

  return (given) => {
    const out: Array<Event> = []
    const event = toEvent(given)
    if (event.type === "RUN_STARTED") {
      closeChunk(out)
      start(out, { ...named(event), protocolVersion: PROTOCOL_VERSION })
      return out
    }
    start(out, runStarted)
    const kind = chunkKinds[event.type]
    if (kind !== undefined) {
      chunk(out, event, kind)
      return out
    }
    closeChunk(out)
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") {
      for (const closing of LogState.closings(state)) show(out, closing)
      if (event.type === "RUN_ERROR") show(out, event)
      else finish(out, given, event)
      return out
    }
    showOwned(out, event)
    return out
  }
}
