/**
 * What a server of the public API alone takes of a submission and of answers.
 *
 * @since 0.1.0
 */
import type { Interrupt, Runs } from "@runlease/core"
import { Schema } from "effect"
import * as WireInterrupt from "../Wire/Interrupt.js"

const encodeAnswers = Schema.encodeSync(WireInterrupt.Answers)

/** The first part of a submission that the public API does not have. */
export const ofOurs = (submission: Runs.Submission): string | undefined => {
  if (submission.conversationId === undefined) return "a run without a conversation; create one first"
  if (submission.snapshot !== undefined) return "a snapshot; add its messages to the conversation"
  if (submission.priority !== undefined) return "a priority"
  if (submission.availableAt !== undefined) return "a time before which the run waits"
  if (submission.maxAttempts !== undefined) return "a number of attempts"
  if (submission.concurrencyKey !== undefined) return "a concurrency key"
  if (submission.budget !== undefined) return "a budget"
  if (submission.multitask !== undefined) return "what becomes of a run that works"
  return undefined
}

/** One answer that is a result in the form that every server takes. */
export const resumeBody = (answers: Interrupt.Answers) => {
  const [{ interruptId, isError, metadata, payload, status }, ...others] = answers
  return others.length === 0 && status === "resolved" && payload !== undefined && metadata === undefined
    ? { type: "tool_result", tool_call_id: interruptId, result: payload, is_error: isError }
    : { type: "interrupts", resume: encodeAnswers(answers) }
}
