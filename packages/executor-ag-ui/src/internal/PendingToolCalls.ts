/**
 * The tool calls that a remote agent leaves to its client. The run waits for their results.
 *
 * An agent of 1.0 may list them in `outcome.pendingToolCallIds`. Without that list they are the calls that have no result
 * and whose tool is in the request. An interrupt of the agent that names a call gets the arguments of the call, for the person who answers.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/tool-calls
 */
import { type AgentEvent, Interrupt } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { Either, Option, Predicate, Schema } from "effect"

type Event = AgentEvent.LogEvent

export interface PendingToolCalls {
  /** Reads each event of the run before its end. */
  readonly observe: (event: Event) => void
  /** The end of the run, with an interrupt for each pending call. Left: the problem with the agent's list of calls. */
  readonly end: (event: Event) => Either.Either<Event, string>
}

const interruptsOf = (outcome: unknown): ReadonlyArray<unknown> =>
  Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"]) ? outcome["interrupts"] : []

interface Call {
  readonly name: string
  args: string
}

const parse = Schema.decodeOption(Schema.parseJson())

/** `clientTools`: the tools in the request, by name, with the JSON Schema of their arguments. */
export const make = (clientTools: ReadonlyMap<string, unknown>): PendingToolCalls => {
  const unanswered = new Map<string, Call>()

  const derived = (interrupts: ReadonlyArray<unknown>) => {
    const interrupted = new Set(
      interrupts.map((interrupt) => (Predicate.isRecord(interrupt) ? interrupt["toolCallId"] : undefined)),
    )
    return [...unanswered].flatMap(([id, { name }]) =>
      clientTools.has(name) && !interrupted.has(id) ? [id] : [],
    )
  }

  const argumentsOf = ({ args, name }: Call, room: number): unknown => {
    const value = Option.getOrElse(parse(args === "" ? "{}" : args), () => args)
    return ToolArguments.bounded(ToolArguments.withoutSecrets(clientTools.get(name), value), room)
  }

  /** The agent's own interrupt with the call that it names. What the agent says of the arguments stays. */
  const withCall = (interrupt: unknown, room: number): unknown => {
    if (!Predicate.isRecord(interrupt)) return interrupt
    const { metadata } = interrupt
    const call = unanswered.get(String(interrupt["toolCallId"]))
    if (call === undefined || (Predicate.isRecord(metadata) && "runlease.toolArguments" in metadata))
      return interrupt
    return { toolName: call.name, toolArguments: argumentsOf(call, room), ...interrupt }
  }

  return {
    observe: (event) => {
      const id = String(event["toolCallId"])
      if (event.type === "TOOL_CALL_START") {
        unanswered.set(id, { name: String(event["toolCallName"]), args: "" })
      }
      const call = event.type === "TOOL_CALL_ARGS" ? unanswered.get(id) : undefined
      if (call !== undefined && typeof event["delta"] === "string") call.args += event["delta"]
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
      if (ids.length + interrupts.length === 0) return Either.right(event)
      const room = ToolArguments.roomFor(ids.length + interrupts.length)
      const shown = interrupts.map((interrupt) => withCall(interrupt, room))
      if (ids.length === 0) {
        return Either.right({ ...event, outcome: { ...(outcome as object), interrupts: shown } })
      }
      const calls = ids.map((id) => {
        const call = unanswered.get(id)!
        return Interrupt.ofToolCall(id, call.name, argumentsOf(call, room))
      })
      return Either.right({ ...event, outcome: { type: "interrupt", interrupts: [...shown, ...calls] } })
    },
  }
}
