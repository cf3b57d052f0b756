/**
 * The questions of a run to its page, and the answers of the page, as chunks.
 *
 * A question about a tool call is the approval of that call. One about nothing else is a call by itself, of a tool `confirmation` that needs
 * approval, or of a tool of the page such as `input_required`, whose output is the answer.
 */
import { Interrupt, Interrupts } from "@runlease/core"
import { asText, type Chunk } from "./Chunk.js"
import * as ToolInputs from "./ToolInputs.js"

/** An interrupt that a run has waited for, with its answer. */
export interface Answered {
  readonly interrupt: Interrupt.Interrupt
  readonly answer: Interrupt.Answer
}

/**
 * `approval`: of a call of the agent. `confirmation`: an approval that is about no call. `output`: the page makes the call and says what
 * it gave.
 */
export type Kind = "approval" | "confirmation" | "output"

/** What the page is to do. */
export const kindOf = (interrupt: Interrupt.Interrupt): Kind => {
  if (interrupt.clientTool === true) return "output"
  if (interrupt.toolCallId !== undefined) return "approval"
  return interrupt.reason === "confirmation" || Interrupt.asksApproval(interrupt) ? "confirmation" : "output"
}

/** The call that an interrupt is about, or the call that shows the interrupt. */
export const callOf = ({ id, toolCallId }: Interrupt.Interrupt): string => toolCallId ?? id

/** The call that shows an interrupt when no other call does. */
const inputOf = (interrupt: Interrupt.Interrupt): Chunk => {
  const { message, metadata, reason, responseSchema, toolArguments, toolCallId, toolName } = interrupt
  const about = {
    ...(message === undefined ? {} : { message }),
    ...(responseSchema === undefined ? {} : { responseSchema }),
    ...metadata,
  }
  return {
    type: "tool-input-available",
    toolCallId: callOf(interrupt),
    toolName: toolName ?? (toolCallId === undefined ? reason : "unknown"),
    input: toolCallId === undefined ? about : (toolArguments ?? {}),
  }
}

/** The calls that the page has made, among those that it has answered. */
export const madeIn = (answered: ReadonlyArray<Answered>): ReadonlySet<string> =>
  new Set(answered.flatMap(({ interrupt }) => (kindOf(interrupt) === "output" ? [callOf(interrupt)] : [])))

/** Shows a question to the page. `isShown`: the page has the call already. `isMade`: and has made it. */
export const present = (
  interrupt: Interrupt.Interrupt,
  isShown: boolean,
  isMade: boolean,
): ReadonlyArray<Chunk> => {
  const input = inputOf(interrupt)
  const call = isShown ? [] : isMade ? ToolInputs.made(input) : [input]
  if (kindOf(interrupt) === "output") return call
  const { id, message } = interrupt
  return [
    ...call,
    {
      type: "tool-approval-request",
      approvalId: id,
      toolCallId: callOf(interrupt),
      ...(message === undefined ? {} : { reason: message }),
    },
  ]
}

/** Whether an answer lets no call be made. */
export const isDenied = ({ answer, interrupt }: Answered): boolean =>
  kindOf(interrupt) !== "output" && !Interrupts.approved(answer)

const outputOf = (toolCallId: string, { isError, payload, status }: Interrupt.Answer): Chunk =>
  status === "cancelled" || isError === true
    ? {
        type: "tool-output-error",
        toolCallId,
        errorText: status === "cancelled" ? "This was declined" : asText(payload),
      }
    : { type: "tool-output-available", toolCallId, output: payload ?? null }

/** The outcome of a call that shows a confirmation, once that has its answer. Its page shows no more of it. */
export const settled = (answered: Answered): ReadonlyArray<Chunk> => {
  const { answer, interrupt } = answered
  if (kindOf(interrupt) !== "confirmation") return []
  const toolCallId = callOf(interrupt)
  return isDenied(answered)
    ? [{ type: "tool-output-denied", toolCallId }]
    : [{ type: "tool-output-available", toolCallId, output: answer.payload ?? null }]
}

/** An answer as the page that gave it shows it, for one that comes later. */
export const answerChunks = (answered: Answered): ReadonlyArray<Chunk> => {
  const { answer, interrupt } = answered
  if (kindOf(interrupt) === "output") return [outputOf(callOf(interrupt), answer)]
  return [
    { type: "tool-approval-response", approvalId: interrupt.id, ...Interrupts.decisionOf(answer) },
    ...settled(answered),
  ]
}
