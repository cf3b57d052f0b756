/**
 * A run's log as an AG-UI 1.0 client takes it, whatever the log holds.
 *
 * What the client would refuse is repaired, or shown as a RAW event, or left out: missing starts are inserted, ends of
 * what is not open and second starts left out, and nothing is open when the run finishes. The run's own events name it
 * as the client knows it. What a client older than 1.0 refuses has another form for it.
 *
 * Source: `verifyEvents` of `@ag-ui/client`, whose rules these are.
 */
import { omitOptionalNulls, PROTOCOL_VERSION } from "@ag-ui/core"
import { type AgentEvent, ControlEvents, InboxMessage, LogState, StepRecord } from "@runlease/core"
import { AgUiChunks, AgUiItems } from "@runlease/core/executor"
import { Either, Predicate } from "effect"
import * as Children from "./Children.js"
import * as KnownFields from "./KnownFields.js"
import * as OlderForm from "./OlderForm.js"
import * as Ownership from "./Ownership.js"
import * as PartEnd from "./PartEnd.js"
import type { Peer, Viewer } from "./Peer.js"
import * as PlainDelta from "./PlainDelta.js"
import * as ProtocolSchemas from "./ProtocolSchemas.js"
import * as Superseded from "./Superseded.js"

export type { Peer, Viewer }

type Event = AgentEvent.LogEvent

/** The run that a log is of, by the names that the client has for it. */
export interface Subject {
  readonly runId: string
  readonly threadId: string
}

const raw = (event: Event): Event => ({ type: "RAW", event })

const ourPrefix = "runlease."

/** The metadata, with fields of ours under their prefix. */
const withOurs = (metadata: unknown, fields: Readonly<Record<string, unknown>>) => ({
  ...(Predicate.isRecord(metadata) ? metadata : {}),
  ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [`${ourPrefix}${name}`, value])),
})

const toInterrupt = (interrupt: unknown): unknown => {
  if (!Predicate.isRecord(interrupt)) return interrupt
  const { metadata, toolArguments, toolName, ...rest } = interrupt
  const ours = {
    ...(toolName === undefined ? {} : { toolName }),
    ...(toolArguments === undefined ? {} : { toolArguments }),
  }
  return Object.keys(ours).length === 0 ? interrupt : { ...rest, metadata: withOurs(metadata, ours) }
}

/** Our own fields, which the protocol does not have, go into the metadata. */
const withOursInMetadata = (event: Event): Event => {
  if (event.type === "TOOL_CALL_RESULT") {
    const { isError, metadata } = event
    return isError === undefined ? event : { ...event, metadata: withOurs(metadata, { isError }) }
  }
  if (event.type === "STEP_FINISHED") {
    const { error, metadata, ...rest } = event
    // Its message is for those who read the log, as the results of steps are.
    return error === undefined ? event : { ...rest, metadata: withOurs(metadata, { isError: true }) }
  }
  if (event.type !== "RUN_FINISHED") return event
  const { outcome } = event
  return Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
    ? { ...event, outcome: { ...outcome, interrupts: outcome["interrupts"].map(toInterrupt) } }
    : event
}

/**
 * The event as AG-UI 1.0 has it: optional fields that are null are absent, fields that it does not have are left out, and
 * what does not fit is RAW.
 */
export const normalize = (logged: Event): Event => {
  if (PlainDelta.is(logged)) return logged
  const event = withOursInMetadata(logged)
  if (ProtocolSchemas.EventSchemas.safeParse(event).success) return KnownFields.of(event)
  const bare = omitOptionalNulls(event, "Event")
  return ProtocolSchemas.EventSchemas.safeParse(bare).success ? KnownFields.of(bare) : raw(logged)
}

const text = (event: Event, field: string): string | undefined => {
  const value = event[field]
  return typeof value === "string" ? value : undefined
}

const tag = (event: Event): { readonly subagentRunId?: string } => {
  const subagentRunId = text(event, "subagentRunId")
  return subagentRunId === undefined ? {} : { subagentRunId }
}

/** The start that must come before an event that continues an item. */
const startOf = (event: Event): Event | undefined => {
  const opening = AgUiItems.openingOf(event)
  if (opening === undefined) return undefined
  const name = opening.type === "TOOL_CALL_START" ? text(event, "toolCallName") : undefined
  return { ...opening, ...(name === undefined ? {} : { toolCallName: name }), ...tag(event) }
}

/**
 * The events that a chunk expands to. One that contradicts what is open continues it all the same, without its
 * contradiction.
 */
const expanded = (chunks: AgUiChunks.Lanes, chunk: Event): ReadonlyArray<Event> => {
  const { name: _name, parentMessageId: _parent, role: _role, toolCallName: _toolName, ...rest } = chunk
  const { subagentRunId: _owner, ...untagged } = rest
  const named = chunk["messageId"] !== undefined || chunk["toolCallId"] !== undefined
  return chunks.expand(chunk).pipe(
    Either.orElse(() => chunks.expand(named ? untagged : rest)),
    Either.orElse(() => chunks.expand({ toolCallName: "unknown", ...chunk })),
    Either.getOrElse(() => [raw(chunk)]),
  )
}

/** An event of a log as the client takes it. */
const eventFor: Readonly<Record<Viewer, (event: Event) => Event>> = {
  current: normalize,
  durable: normalize,
  older: (event) => OlderForm.of(normalize(event)),
}

/** `toEvent` is `eventFor` of the peer, for a caller that caches its results. */
export interface Options {
  readonly peer?: Viewer
  readonly toEvent?: (event: Event) => Event
}

/** The state of a view: what is open, and who owns it. */
export interface Fold {
  /** What to show for the next event of the log. */
  readonly next: (event: Event) => ReadonlyArray<Event>

  /** The same state, apart from this one: what one of them takes does not change the other. */
  readonly copy: () => Fold
}

interface State {
  readonly log: LogState.LogState
  readonly owners: Ownership.Ownership
  readonly chunks: AgUiChunks.Lanes
  readonly partEnd: PartEnd.PartEnd
  readonly superseded: Superseded.Superseded
  readonly children: Children.Children
}

const foldFrom = (subject: Subject, toEvent: (event: Event) => Event, from: State): Fold => {
  const { children, chunks, partEnd, superseded } = from
  let { log: state, owners } = from

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
    superseded.observe(event)
    out.push(event)
  }

  const start = (out: Array<Event>, event: Event): void => {
    if (state.started) return
    owners = Ownership.make()
    owners.seed(event)
    show(out, event)
    out.push(...children.begin(owners))
  }

  const showOwned = (out: Array<Event>, event: Event): void => {
    const missing = startOf(event)
    if (missing !== undefined && !LogState.misplaced(state, missing))
      show(out, owners.admit(missing) ?? missing)
    if (LogState.misplaced(state, event)) return
    show(out, owners.admit(event) ?? raw(event))
  }

  const finish = (out: Array<Event>, logged: Event, event: Event): void => {
    for (const added of partEnd.before(logged)) showOwned(out, added)
    const end = partEnd.of(logged, event)
    show(out, end.type === "RUN_FINISHED" ? named(end) : end)
  }

  const next = (logged: Event): ReadonlyArray<Event> => {
    const out: Array<Event> = []
    // The results of steps are for the worker. A message that comes between two parts of the run belongs to neither.
    if (StepRecord.isReserved(logged) && !(state.started && InboxMessage.isMessage(logged))) {
      superseded.record(logged)
      for (const event of children.next(logged, state.started ? owners : undefined)) {
        for (const end of chunks.closedBy(event)) showOwned(out, end)
        out.push(event)
      }
      return out
    }
    const event = toEvent(logged)
    if (event.type !== "RUN_STARTED") start(out, runStarted)
    if (AgUiChunks.isChunk(event)) {
      for (const one of expanded(chunks, event)) showOwned(out, one)
      return out
    }
    const takenOver = ControlEvents.endsAttempt(event)
    for (const end of takenOver ? chunks.close() : chunks.closedBy(event)) showOwned(out, end)
    if (event.type === "RUN_STARTED") {
      start(out, { ...named(event), protocolVersion: PROTOCOL_VERSION })
      return out
    }
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") {
      for (const closing of LogState.closings(state)) show(out, closing)
      out.push(...children.end(logged))
      finish(out, logged, event)
      return out
    }
    showOwned(out, takenOver ? superseded.marked(event) : event)
    return out
  }

  return {
    next,
    copy: () =>
      foldFrom(subject, toEvent, {
        log: state,
        owners: owners.copy(),
        chunks: chunks.copy(),
        partEnd: partEnd.copy(),
        superseded: superseded.copy(),
        children: children.copy(),
      }),
  }
}

/** The view of a log that has not begun. */
export const fold = (subject: Subject, { peer = "current", toEvent = eventFor[peer] }: Options = {}): Fold =>
  foldFrom(subject, toEvent, {
    log: LogState.initial,
    owners: Ownership.make(),
    chunks: AgUiChunks.make(),
    partEnd: PartEnd.make(peer),
    superseded: Superseded.make(),
    children: Children.make(),
  })

/**
 * A view of one log. It receives the events one by one, from the first, and returns what to show for each. It keeps what is open
 * and who owns it, and depends on nothing else.
 */
export const make = (subject: Subject, options: Options = {}): ((event: Event) => ReadonlyArray<Event>) =>
  fold(subject, options).next
