/**
 * The tool calls that a remote agent leaves to its client. The run waits for their results.
 *
 * An agent of 1.0 may list them in `outcome.pendingToolCallIds`. Without that list they are the calls that have no result
 * and whose tool is in the request.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/tool-calls
 */
import type { AgentEvent, Interrupt } from "@runlease/core"
import { Either, Predicate } from "effect"

type Event = AgentEvent.LogEvent

export interface PendingToolCalls {
  /** Reads each event of the run before its end. */
  readonly observe: (event: Event) => void
  /** The end of the run, with an interrupt for each pending call. Left: the problem with the agent's list of calls. */
  readonly end: (event: Event) => Either.Either<Event, string>
}

const interruptsOf = (outcome: unknown): ReadonlyArray<unknown> =>
  Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"]) ? outcome["interrupts"] : []

/** `clientTools`: the names of the tools in the request. */
export const make = (clientTools: ReadonlySet<string>): PendingToolCalls => {
  const unanswered = new Map<string, string>()

  const derived = (interrupts: ReadonlyArray<unknown>) => {
    const interrupted = new Set(
      interrupts.map((interrupt) => (Predicate.isRecord(interrupt) ? interrupt["toolCallId"] : undefined)),
    )
    return [...unanswered].flatMap(([id, name]) =>
      clientTools.has(name) && !interrupted.has(id) ? [id] : [],
    )
  }

  return {
    observe: (event) => {
      const id = String(event["toolCallId"])
      if (event.type === "TOOL_CALL_START") unanswered.set(id, String(event["toolCallName"]))
      if (event.type === "TOOL_CALL_RESULT") unanswered.delete(id)
    },
    end: (event) => {
      const { outcome } = event
      const type = Predicate.isRecord(outcome) ? outcome["type"] : "success"
      if (event.type !== "RUN_FINISHED" || type === "cancelled") return Either.right(event)
      const listed = Predicate.isRecord(outcome) ? outcome["pendingToolCallIds"] : undefined
      const interrupts = interruptsOf(outcome)
      const ids = Array.isArray(listed) ? [...new Set(listed.map(String))] : derived(interrupts)
      const wrong = ids.find((id) => !unanswered.has(id))
      if (wrong !== undefined) {
        return Either.left(
          `RUN_FINISHED has tool call ${wrong} as pending, which this run did not start or has answered`,
        )
      }
      if (ids.length === 0) return Either.right(event)
      const calls = ids.map((id): Interrupt.Interrupt => ({
        id,
        reason: "tool_call",
        toolCallId: id,
        toolName: unanswered.get(id)!,
        clientTool: true,
      }))
      return Either.right({ ...event, outcome: { type: "interrupt", interrupts: [...interrupts, ...calls] } })
    },
  }
}
