/** Calls that a person must approve before they are made, in a later part of the run. */
import type { Tool } from "@effect/ai"
import { Edits, type Interrupt, Interrupts, type RequestSnapshot } from "@runlease/core"
import { type PastAttempts, ToolCalls } from "@runlease/core/executor"
import { Context, Option, Predicate } from "effect"
import * as AiTool from "../AiTool.js"
import * as CallArguments from "./CallArguments.js"
import * as RequestedCall from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

/** Tools by name. */
type Tools = Readonly<Record<string, Tool.Any>>

/** A call with the answer of a person. `begun`: an attempt that died was about to make it. `edits`: the arguments as the person edited them. */
export interface Decision extends RequestedCall.RequestedCall, Interrupts.Decision {
  readonly edits?: unknown
  readonly ordinal: number
  readonly begun: boolean
}

/** The result of a call that is not approved, for the model, which reads the reason of the person as it was written. */
export const declineMessage = (reason: string | undefined): string => {
  const message = "This call was not approved, so it was not made."
  return reason === undefined ? message : `${message} The reason: ${reason}`
}

const approvalOf = (tools: Tools, name: string) =>
  Object.hasOwn(tools, name) && Context.get(tools[name]!.annotations, AiTool.NeedsApproval)

export const isNeeded = (tools: Tools, name: string): boolean => approvalOf(tools, name) !== false

const isEditable = (tools: Tools, name: string): boolean => {
  const approval = approvalOf(tools, name)
  return typeof approval === "object" && approval.editable
}

/**
 * The question whether to make the call. The interrupt names the call, but the client does not make it. Arguments that are too large to be
 * shown as an object are not edited.
 */
export const interruptOf = (
  tools: Tools,
  call: RequestedCall.RequestedCall,
  toolArguments: unknown,
): Interrupt.Interrupt => {
  const { toolCallId, toolName } = call
  const edits = isEditable(tools, toolName)
    ? CallArguments.editsSchema(tools, call, toolArguments)
    : undefined
  return {
    id: toolCallId,
    reason: "tool_call",
    message: `May ${toolName} be called?`,
    toolCallId,
    toolName,
    toolArguments,
    responseSchema: edits === undefined ? Interrupts.approvalSchema : Interrupts.approvalSchemaOf(edits),
  }
}

/**
 * What a person decided on a call. Edits of a call that may not be edited are no approval: a store refuses them, and one that does not must
 * not let a call be made that no person has approved.
 */
const readAnswer = (
  tools: Tools,
  { toolName }: RequestedCall.RequestedCall,
  answer: Interrupt.Answer,
): Interrupts.Decision & { readonly edits?: unknown } => {
  const decision = Interrupts.decisionOf(answer)
  const edits = Option.getOrUndefined(Edits.of(answer))
  if (!decision.approved || edits === undefined) return decision
  return isEditable(tools, toolName)
    ? { ...decision, edits }
    : { approved: false, reason: "It was approved with other arguments, and this tool takes no edits." }
}

/** Whether an attempt was about to make a call of an earlier part or attempt. */
export const isBegun = (attempts: ReadonlyArray<PastAttempts.PastAttempt>, toolCallId: string): boolean =>
  attempts.some(({ customs }) =>
    customs.some(
      ({ name, value }) =>
        name === ToolCalls.begunEventName && Predicate.isRecord(value) && value["toolCallId"] === toolCallId,
    ),
  )

/** What a person has decided on a call; undefined without an answer. */
export const decisionOn = (
  tools: Tools,
  snapshot: RequestSnapshot.RequestSnapshot,
  call: RequestedCall.RequestedCall,
): ReturnType<typeof readAnswer> | undefined =>
  isNeeded(tools, call.toolName)
    ? Option.getOrUndefined(
        Option.map(Interrupts.answerTo(snapshot, call.toolCallId), (answer) =>
          readAnswer(tools, call, answer),
        ),
      )
    : undefined

/** The calls of earlier parts that wait for approval and have no result yet, in order, with their answers. */
export const decisions = (
  tools: Tools,
  snapshot: RequestSnapshot.RequestSnapshot,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<Decision> => {
  const answered = ToolResults.answeredIds(attempts)
  const counter = ToolCalls.after([])
  const lastWait = attempts.findLastIndex(({ waited }) => waited)
  return attempts.slice(0, lastWait + 1).flatMap(({ calls }) =>
    calls.flatMap((call) => {
      if (!call.valid) return []
      const { ordinal } = counter.take(call)
      const { toolCallId, toolName } = call
      if (answered.has(toolCallId) || !isNeeded(tools, toolName)) return []
      const requested = RequestedCall.fromLog(call)
      return {
        ...requested,
        ...Option.match(Interrupts.answerTo(snapshot, toolCallId), {
          onNone: () => ({ approved: false }),
          onSome: (answer) => readAnswer(tools, requested, answer),
        }),
        ordinal,
        begun: isBegun(attempts, toolCallId),
      }
    }),
  )
}
