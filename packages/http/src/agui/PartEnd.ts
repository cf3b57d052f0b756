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
import { AgentEvent, ControlEvents } from "@runlease/core"
import { Predicate } from "effect"
import type { Peer, Viewer } from "./Peer.js"

type Event = AgentEvent.LogEvent

/** A call without a result. `lapsed`: its attempt has ended. */
interface Call {
  readonly subagentRunId: unknown
  readonly lapsed: boolean
}

type Interrupt = Readonly<Record<string, unknown>>

export interface PartEnd {
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
export const make = (peer: Viewer): PartEnd => (peer === "durable" ? ofLog : ofCalls(peer, new Map()))
