/** Calls that a person must approve before they are made, in a later part of the run. */
import type { Tool } from "@effect/ai"
import { type Interrupt, Interrupts, type RequestSnapshot } from "@runlease/core"
import { type PastAttempts, ToolCalls } from "@runlease/core/executor"
import { Context, Option, Predicate } from "effect"
import * as AiTool from "../AiTool.js"
import * as RequestedCall from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

/** Tools by name. */
type Tools = Readonly<Record<string, Tool.Any>>

/** A call with the answer of a person. `begun`: an attempt that died was about to make it. */
export interface Decision extends RequestedCall.RequestedCall, Interrupts.Decision {
  readonly ordinal: number
  readonly begun: boolean
}

/** The result of a call that is not approved, for the model, which reads the reason of the person as it was written. */
export const declineMessage = (reason: string | undefined): string => {
  const message = "This call was not approved, so it was not made."
  return reason === undefined ? message : `${message} The reason: ${reason}`
}

export const isNeeded = (tools: Tools, name: string): boolean =>
  Object.hasOwn(tools, name) && Context.get(tools[name]!.annotations, AiTool.NeedsApproval)

/** The question whether to make the call. The interrupt names the call, but the client does not make it. */
export const interruptOf = (
  { toolCallId, toolName }: RequestedCall.RequestedCall,
  toolArguments: unknown,
): Interrupt.Interrupt => ({
  id: toolCallId,
  reason: "tool_call",
  message: `May ${toolName} be called?`,
  toolCallId,
  toolName,
  toolArguments,
  responseSchema: Interrupts.approvalSchema,
})

/** Whether an attempt was about to make a call of an earlier part or attempt. */
export const isBegun = (attempts: ReadonlyArray<PastAttempts.PastAttempt>, toolCallId: string): boolean =>
  attempts.some(({ customs }) =>
    customs.some(
      ({ name, value }) =>
        name === ToolCalls.begunEventName && Predicate.isRecord(value) && value["toolCallId"] === toolCallId,
    ),
  )

/** Whether a person has approved a call; undefined without an answer. */
export const decisionOn = (
  tools: Tools,
  snapshot: RequestSnapshot.RequestSnapshot,
  { toolCallId, toolName }: RequestedCall.RequestedCall,
): boolean | undefined =>
  isNeeded(tools, toolName)
    ? Option.getOrUndefined(
        Option.map(Interrupts.answerTo(snapshot, toolCallId), (answer) => Interrupts.approved(answer)),
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
      const answer = Interrupts.answerTo(snapshot, toolCallId)
      return {
        ...RequestedCall.fromLog(call),
        ...Option.match(answer, { onNone: () => ({ approved: false }), onSome: Interrupts.decisionOf }),
        ordinal,
        begun: isBegun(attempts, toolCallId),
      }
    }),
  )
}
