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
import { AgentEvent, ControlEvents, InboxMessage, LogState, StepRecord } from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { AgUiChunks, AgUiItems, AgUiOwners } from "@runlease/core/executor"
import { Either, Option, Predicate } from "effect"
import * as KnownFields from "./KnownFields.js"
import * as OlderForm from "./OlderForm.js"
import type { Peer, Viewer } from "./Peer.js"
import * as PlainDelta from "./PlainDelta.js"
import * as ProtocolSchemas from "./ProtocolSchemas.js"
import * as Superseded from "./Superseded.js"

// The owner of each item that a client is shown: a field of an event that contradicts an earlier one is left out.

type Event = AgentEvent.LogEvent

interface Ownership {
  /** The event without what contradicts an earlier one. Undefined when the client may not be shown the event at all. */
  readonly admit: (event: Event) => Event | undefined

  /** Takes the owners of messages that the input of a run restates. */
  readonly seed: (event: Event) => void

  /** The same owners now. A later change of one of the two does not change the other. */
  readonly copy: () => Ownership
}

const ofOwners = (owners: AgUiOwners.Owners): Ownership => {
  const admit = (event: Event): Event | undefined => {
    const contradiction = owners.take(event)
    if (contradiction === undefined) return event
    if (contradiction.field === undefined) return undefined
    const { [contradiction.field]: _, ...rest } = event
    return admit(rest as Event)
  }
  return {
    admit,
    seed: ({ input, type }) => {
      if (type === "RUN_STARTED" && Predicate.isRecord(input)) owners.restate(input["messages"], false)
    },
    copy: () => ofOwners(owners.copy()),
  }
}

const ownership = (): Ownership => ofOwners(AgUiOwners.make())

type Owners = Pick<Ownership, "admit">

/**
 * The children of a run, as the subagents that a client of AG-UI is shown.
 *
 * A client demands that no subagent is open when a run finishes, and that one which ends has begun in that part of the run. So a part ends
 * the children that work on as suspended, and one that ends in a later part begins there.
 *
 * Source: `verifyEvents` of `@ag-ui/client`, docs/decisions/0060-no-lost-wake-up.md
 */
interface Children {
  /**
   * What an event of the log says of a child, as the client is shown it: nothing where something else has the id of that child. What is
   * said between two parts waits for `begin`.
   */
  readonly next: (event: Event, owners: Owners | undefined) => ReadonlyArray<Event>

  /** What comes after the RUN_STARTED of a part. */
  readonly begin: (owners: Owners) => ReadonlyArray<Event>

  /** What comes before the RUN_FINISHED or RUN_ERROR of the log: nothing is open then. */
  readonly end: (logged: Event) => ReadonlyArray<Event>

  /** The same as they are now: what one of them takes does not change the other. */
  readonly copy: () => Children
}

const startedChild = ({ agentId, name, runId }: ChildEvent.ChildEvent): Event => ({
  type: "SUBAGENT_STARTED",
  subagentRunId: runId,
  name: agentId,
  ...(name === undefined ? {} : { description: name }),
})

const endedChild = (subagentRunId: string, { error, status }: ChildEvent.Outcome): Event =>
  status === "completed"
    ? { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "success" } }
    : {
        type: "SUBAGENT_ERROR",
        subagentRunId,
        message: error?.message ?? `The run ${status === "failed" ? "failed" : "was cancelled"}`,
        code: error?.code ?? status,
      }

const isInterrupt = ({ outcome, type }: Event): boolean =>
  type === "RUN_FINISHED" && (outcome as { readonly type?: unknown } | undefined)?.type === "interrupt"

const ofChildren = (open: Set<string>, between: Array<ChildEvent.ChildEvent>): Children => {
  const show = (child: ChildEvent.ChildEvent, owners: Owners): ReadonlyArray<Event> => {
    const { outcome, runId } = child
    const end = outcome === undefined ? [] : [endedChild(runId, outcome)]
    if (open.has(runId)) {
      if (outcome !== undefined) open.delete(runId)
      return end
    }
    const started = owners.admit(startedChild(child))
    if (started === undefined) return []
    if (outcome === undefined) open.add(runId)
    return [started, ...end]
  }

  return {
    next: (event, owners) =>
      Option.match(ChildEvent.fromEvent(event), {
        onNone: () => [],
        onSome: (child) => {
          if (child.detached) return []
          if (owners !== undefined) return show(child, owners)
          between.push(child)
          return []
        },
      }),

    begin: (owners) => between.splice(0).flatMap((child) => show(child, owners)),

    end: (logged) => {
      const left = [...open]
      open.clear()
      return left.map((subagentRunId) =>
        isInterrupt(logged)
          ? { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "suspended" } }
          : endedChild(subagentRunId, { status: "cancelled", error: ControlEvents.parentEnded }),
      )
    },

    copy: () => ofChildren(new Set(open), [...between]),
  }
}

/** Of a log that has not begun. */
export const children = (): Children => ofChildren(new Set(), [])

/** A call without a result. `lapsed`: its attempt has ended. */
interface Call {
  readonly subagentRunId: unknown
  readonly lapsed: boolean
}

type Interrupt = Readonly<Record<string, unknown>>

/**
 * The end of one part of a run as its client sees it: the calls that the client must answer, without those that only look
 * like it.
 *
 * A tool call without a result is the client's, as AG-UI has it. So a part that waits for tools of its client ends as a
 * success, and so does a run that has ended with calls without a result: each lists them. A call of the agent's own that a dead attempt
 * left behind gets a result.
 *
 * Source: docs/decisions/0031-the-view-depends-on-its-client.md
 */
interface PartEnd {
  /** Takes each event that the client is shown. */
  readonly observe: (event: Event) => void

  /** What comes before the end, from the RUN_FINISHED or RUN_ERROR of the log. */
  readonly before: (logged: Event) => ReadonlyArray<Event>

  /** The end, from the RUN_FINISHED or RUN_ERROR of the log and what AG-UI takes of it. */
  readonly of: (logged: Event, normalized: Event) => Event

  /** The same as it is now: what one of them takes does not change the other. */
  readonly copy: () => PartEnd
}

const interruptsOf = ({ outcome }: Event): ReadonlyArray<Interrupt> =>
  Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
    ? outcome["interrupts"].filter(Predicate.isRecord)
    : []

const ofClientTool = ({ clientTool }: Interrupt): boolean => clientTool === true

const callOf = ({ id, toolCallId }: Interrupt): string => String(toolCallId ?? id)

const typeOf = ({ outcome }: Event): unknown => (Predicate.isRecord(outcome) ? outcome["type"] : undefined)

const noResult = (toolCallId: string, { subagentRunId }: Call): Event => ({
  ...AgentEvent.toolCallFailure(
    `runlease-result-${toolCallId}`,
    toolCallId,
    "This tool call ended without a result",
  ),
  ...(subagentRunId === undefined ? {} : { subagentRunId }),
})

/** A call that the run waits for, and that no event of it has begun. */
const begun = (interrupt: Interrupt): ReadonlyArray<Event> => {
  const toolCallId = callOf(interrupt)
  const { toolName } = interrupt
  return [
    {
      type: "TOOL_CALL_START",
      toolCallId,
      toolCallName: typeof toolName === "string" ? toolName : "unknown",
    },
    { type: "TOOL_CALL_END", toolCallId },
  ]
}

/** A stop, as an error: an older client takes no outcome for it. */
const stopped = ({ metadata, usage }: Readonly<Record<string, unknown>>): Event => ({
  type: "RUN_ERROR",
  code: "cancelled",
  message: "The run was cancelled",
  ...(metadata === undefined ? {} : { metadata }),
  ...(usage === undefined ? {} : { usage }),
})

/** Of the durable run, as the log has it. */
const ofLog: PartEnd = {
  observe: () => {},
  before: () => [],
  of: (_given, normalized) => normalized,
  copy: () => ofLog,
}

const ofCalls = (peer: Peer, calls: Map<string, Call>): PartEnd => {
  const observe: PartEnd["observe"] = (event) => {
    switch (event.type) {
      case "RUN_STARTED":
        return calls.clear()
      case "TOOL_CALL_START": {
        const id = String(event["toolCallId"])
        calls.delete(id)
        calls.set(id, { subagentRunId: event["subagentRunId"], lapsed: false })
        return
      }
      case "TOOL_CALL_RESULT":
        calls.delete(String(event["toolCallId"]))
        return
      case "CUSTOM":
        if (!ControlEvents.endsAttempt(event)) return
        for (const [id, call] of calls) calls.set(id, { ...call, lapsed: true })
    }
  }

  const before: PartEnd["before"] = (logged) => {
    if (typeOf(logged) === "cancelled") return []
    const interrupts = interruptsOf(logged)
    const interrupted = new Set(interrupts.map(callOf))
    const onlyTools = interrupts.length > 0 && interrupts.every(ofClientTool)
    return [
      ...[...calls].flatMap(([id, call]) =>
        !interrupted.has(id) && (onlyTools || call.lapsed) ? [noResult(id, call)] : [],
      ),
      ...interrupts.flatMap((interrupt) =>
        ofClientTool(interrupt) && !calls.has(callOf(interrupt)) ? begun(interrupt) : [],
      ),
    ]
  }

  /** Some older clients take an explicit success for one without calls of theirs. */
  const pending = (rest: Event): Event =>
    peer === "older" ? rest : { ...rest, outcome: { type: "success", pendingToolCallIds: [...calls.keys()] } }

  const of: PartEnd["of"] = (logged, normalized) => {
    const { outcome: _outcome, ...rest } = normalized
    if (typeOf(logged) === "cancelled") return peer === "older" ? stopped(rest) : normalized
    if (typeOf(logged) === "success") return calls.size === 0 ? normalized : pending(rest)
    const tools = interruptsOf(logged).map(ofClientTool)
    if (!tools.includes(true)) return normalized
    if (tools.includes(false)) {
      const interrupts = interruptsOf(normalized).filter((_, index) => !tools[index])
      return { ...rest, outcome: { type: "interrupt", interrupts } }
    }
    return pending(rest)
  }

  return { observe, before, of, copy: () => ofCalls(peer, new Map(calls)) }
}

/** Of one part, from its RUN_STARTED on. */
const partEnd = (peer: Viewer): PartEnd => (peer === "durable" ? ofLog : ofCalls(peer, new Map()))

export type { Peer, Viewer }

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
    const { editedArgs, isError, metadata } = event
    const ours = {
      ...(isError === undefined ? {} : { isError }),
      ...(editedArgs === undefined ? {} : { editedArgs }),
    }
    return Object.keys(ours).length === 0 ? event : { ...event, metadata: withOurs(metadata, ours) }
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
  readonly owners: Ownership
  readonly chunks: AgUiChunks.Lanes
  readonly partEnd: PartEnd
  readonly superseded: Superseded.Superseded
  readonly children: Children
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
    owners = ownership()
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
    // Who answered is for the readers of the log, and it comes between two parts of the run.
    if (AgentEvent.isAnswers(logged)) return out
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
    owners: ownership(),
    chunks: AgUiChunks.make(),
    partEnd: partEnd(peer),
    superseded: Superseded.make(),
    children: children(),
  })

/**
 * A view of one log. It receives the events one by one, from the first, and returns what to show for each. It keeps what is open
 * and who owns it, and depends on nothing else.
 */
export const make = (subject: Subject, options: Options = {}): ((event: Event) => ReadonlyArray<Event>) =>
  fold(subject, options).next
