/** Calls that a person must approve before they are made, in a later part of the run. */
import type { Tool } from "@effect/ai"
import {
  type Interrupt,
  Interrupts,
  type PastAttempts,
  type RequestSnapshot,
  ToolCalls,
} from "@runlease/core"
import { Context, Option, Predicate } from "effect"
import * as AiTool from "../AiTool.js"
import type { Asked } from "./Answer.js"
import * as Conversation from "./Conversation.js"
import * as Results from "./Results.js"

/** Tools by name. */
type Tools = Readonly<Record<string, Tool.Any>>

/** A call that was answered. `begun`: an attempt that died was about to make it. */
export interface Decided extends Asked {
  readonly ordinal: number
  readonly approved: boolean
  readonly begun: boolean
}

/** What the model is told of a call that is not approved. */
export const declined = "This call was not approved, so it was not made."

export const isNeeded = (tools: Tools, name: string): boolean =>
  Object.hasOwn(tools, name) && Context.get(tools[name]!.annotations, AiTool.NeedsApproval)

/** The question, which names its call but is no call of the client's. */
export const interruptOf = ({ toolCallId, toolName }: Asked): Interrupt.Interrupt => ({
  id: toolCallId,
  reason: "tool_call",
  message: `May ${toolName} be called?`,
  toolCallId,
  toolName,
  responseSchema: Interrupts.approvalSchema,
})

const isBegun = (attempts: ReadonlyArray<PastAttempts.PastAttempt>, toolCallId: string): boolean =>
  attempts.some(({ customs }) =>
    customs.some(
      ({ name, value }) =>
        name === ToolCalls.begunEventName && Predicate.isRecord(value) && value["toolCallId"] === toolCallId,
    ),
  )

/** The calls of parts that waited which have an answer and no result yet, in order. */
export const decided = (
  tools: Tools,
  snapshot: RequestSnapshot.RequestSnapshot,
  attempts: ReadonlyArray<PastAttempts.PastAttempt>,
): ReadonlyArray<Decided> => {
  const answered = Results.answeredIds(attempts)
  const counter = ToolCalls.after([])
  return attempts
    .filter(({ waited }) => waited)
    .flatMap(({ calls }) => calls)
    .flatMap((call) => {
      const { ordinal } = counter.take(call)
      const { args, toolCallId, toolName } = call
      if (answered.has(toolCallId) || !isNeeded(tools, toolName)) return []
      const answer = Interrupts.answerTo(snapshot, toolCallId)
      return {
        toolCallId,
        toolName,
        args,
        params: Conversation.paramsOf(args),
        problem: undefined,
        ordinal,
        approved: Option.exists(answer, Interrupts.approved),
        begun: isBegun(attempts, toolCallId),
      }
    })
}
