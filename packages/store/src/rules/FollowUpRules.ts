/**
 * What the next input of a run's client answers, and what it makes of the run. Every store does it alike.
 *
 * Source: docs/decisions/0032-follow-up-inputs.md
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import { sha256 } from "@runlease/core/Digest"
import type { FollowedUp, FollowUp, AcceptedInput } from "@runlease/core/FollowUp"
import type { Answer } from "@runlease/core/Interrupt"
import { canonicalJson } from "@runlease/core/Json"
import type { RequestSnapshot, SnapshotMessage } from "@runlease/core/RequestSnapshot"
import * as ResumeRules from "@runlease/core/ResumeRules"
import type { EventId, Run } from "@runlease/core/Run"
import { type AnswerRefused, type NotWaiting, SubmissionConflict } from "@runlease/core/Runs"
import { Either } from "effect"

/** Equal for equal inputs, whatever their public ids. The trace does not count, since each request has its own. */
export const fingerprintOf = ({ resume, snapshot }: FollowUp): string =>
  sha256(canonicalJson({ resume, snapshot: { ...snapshot, traceContext: undefined } }))

/** A run, and what a store has of it and of the public id. Event `questionEventId` has the questions of the run. */
export interface Situation {
  readonly run: Pick<Run, "runId" | "waiting" | "latestEventId"> & { readonly questionEventId: EventId }
  readonly record: ResumeRules.ResumeRecord
  /** Whether a run has the public id. */
  readonly namesRun: boolean
  /** The input that has the public id, of whatever run. */
  readonly named: AcceptedInput | undefined
  /** What the run has accepted. */
  readonly accepted: ReadonlyArray<AcceptedInput>
}

/**
 * What a store does: `Continue` makes the run pending with what is `record`, and adds `events` to its log; it and `Repeat` add the input if it is
 * `unnamed`, that is, if its id names nothing yet; `Complete` ends the run as completed; the rest changes nothing.
 */
export type Decision =
  | {
      readonly _tag: "Continue"
      readonly record: ResumeRules.ResumeRecord
      readonly events: ReadonlyArray<LogEvent>
      readonly input: AcceptedInput
      readonly unnamed: boolean
    }
  | { readonly _tag: "Repeat"; readonly input: AcceptedInput; readonly unnamed: boolean }
  | { readonly _tag: "Complete" }
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Uncovered"; readonly open: ReadonlyArray<string> }
  | { readonly _tag: "Leave" }

const partIds = ({ parts }: SnapshotMessage, type: "tool_call" | "tool_result"): ReadonlyArray<unknown> =>
  parts.flatMap((part) => (part.type === type ? [part["toolCallId"]] : []))

/** A message by its list and its place there. */
interface Placed {
  readonly list: Array<SnapshotMessage>
  readonly at: number
}

/**
 * The messages with these results. One that is there already is replaced where it is the result of one of the calls `ours`. Others go
 * behind the message that holds their call and the results that stand there, or to the end.
 */
const withResults = (
  messages: ReadonlyArray<SnapshotMessage>,
  results: ReadonlyArray<SnapshotMessage>,
  ours: ReadonlySet<unknown>,
): ReadonlyArray<SnapshotMessage> => {
  const whole = [...messages]
  const placed = new Map<unknown, Placed>()
  const calls = new Map<unknown, number>()
  const place = (message: SnapshotMessage, list: Array<SnapshotMessage>, at: number): void => {
    for (const id of partIds(message, "tool_result")) placed.set(id, { list, at })
  }
  for (const [at, message] of messages.entries()) {
    place(message, whole, at)
    for (const id of partIds(message, "tool_call")) calls.set(id, at)
  }
  // For each place, where the results that stand behind it end.
  const behind: Array<number> = []
  let end = messages.length
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    behind[at] = end
    if (messages[at]!.role !== "tool") end = at
  }
  const added = new Map<number, Array<SnapshotMessage>>()
  for (const message of results) {
    const [id] = partIds(message, "tool_result")
    const there = placed.get(id)
    if (there !== undefined) {
      const { at, list } = there
      if (ours.has(id)) list[at] = { ...list[at]!, parts: message.parts }
      continue
    }
    const call = calls.get(id)
    const before = call === undefined ? messages.length : behind[call]!
    const others = added.get(before) ?? []
    added.set(before, others)
    place(message, others, others.push(message) - 1)
  }
  return [
    ...whole.flatMap((message, at) => [...(added.get(at) ?? []), message]),
    ...(added.get(messages.length) ?? []),
  ]
}

/**
 * The snapshot of the run after the input: the input's messages, with the results that the run has from elsewhere. For the calls
 * in `ours` those replace the results of the client. Earlier answers stay. An input without messages leaves the snapshot as it is.
 */
const continued = (
  { answers, snapshot }: ResumeRules.ResumeRecord,
  input: RequestSnapshot,
  ours: ReadonlySet<unknown>,
  since: EventId,
): RequestSnapshot => {
  // The answers of the run are those of its record alone.
  const { protocol, resume: _, traceContext = snapshot.traceContext, ...rest } = input
  const ofInput = {
    ...(traceContext === undefined ? {} : { traceContext }),
    ...(protocol === undefined ? {} : { protocol }),
  }
  if (input.messages.length === 0) return { ...snapshot, ...ofInput }
  const own = snapshot.messages.filter((message) =>
    partIds(message, "tool_result").some((id) => typeof id === "string" && Object.hasOwn(answers, id)),
  )
  const messages = withResults(input.messages, own, ours)
  const { resume } = snapshot
  return { ...rest, ...ofInput, asOf: since, messages, ...(resume === undefined ? {} : { resume }) }
}

/**
 * Decides what an input makes of a run. `by`: who sends it. `messageId`: of the messages that answers may need, the beginning of their ids.
 *
 * Fails: as `Runs.followUp` does.
 */
export const decide = (
  { record, named, namesRun, run, accepted }: Situation,
  { publicId, results, resume, snapshot }: FollowUp,
  fingerprint: string,
  messageId: string,
  by: string | undefined,
): Either.Either<Decision, NotWaiting | AnswerRefused | SubmissionConflict> => {
  const take = (answers: ReadonlyArray<Answer>) => {
    const [first, ...rest] = answers
    return first === undefined
      ? Either.right({ duplicate: true, events: [], record, waiting: run.waiting })
      : ResumeRules.applyAnswers(
          run,
          record,
          [first, ...rest],
          answers.map((_, index) => (index === 0 ? messageId : `${messageId}.${index}`)),
          by,
        )
  }
  if (named !== undefined && named.runId === run.runId && named.fingerprint === fingerprint) {
    return Either.right({ _tag: "Repeat", input: named, unnamed: false })
  }
  const open = ResumeRules.openOf(run)
  const isAnswerable = ({ interruptId }: Answer) =>
    Object.hasOwn(record.answers, interruptId) ||
    open.some(({ id, toolCallId }) => id === interruptId || toolCallId === interruptId)
  // Clients such as CopilotKit answer a question under the id of the part with the question, and go on using that id.
  const answersItself = (publicId === run.runId || named?.runId === run.runId) && resume.some(isAnswerable)
  const unnamed = !namesRun && named === undefined
  if (!unnamed && !answersItself) {
    const conflict = new SubmissionConflict({ publicId })
    return Either.flatMap(
      Either.mapLeft(take(resume), (error) =>
        error._tag === "NotWaiting" && !error.answered ? conflict : error,
      ),
      () => Either.left(conflict),
    )
  }

  // An entry that answers no interrupt must not stop the messages that come with it.
  const entries = snapshot.messages.length === 0 ? resume : resume.filter(isAnswerable)
  const uncovered = ResumeRules.leftOpen(open, entries)
  const calls = uncovered.filter(({ clientTool }) => clientTool === true)
  const callResults = calls.flatMap((interrupt) => {
    const result = results.findLast(
      ({ interruptId }) => interruptId === (interrupt.toolCallId ?? interrupt.id),
    )
    return result === undefined ? [] : [{ ...result, interruptId: interrupt.id }]
  })
  const input: AcceptedInput = { runId: run.runId, publicId, since: run.questionEventId, fingerprint }

  return Either.flatMap(take(entries), (answered): Either.Either<Decision, NotWaiting | AnswerRefused> => {
    if (answered.duplicate && callResults.length === 0) {
      const same = accepted.findLast((other) => other.fingerprint === fingerprint)
      if (same !== undefined) {
        return Either.right({ _tag: "Repeat", input: { ...same, publicId }, unnamed })
      }
      if (entries.length > 0) return Either.right({ _tag: "Answered" })
    }
    if (run.waiting === null || ResumeRules.isPaused(run.waiting)) return Either.right({ _tag: "Leave" })
    const questions = uncovered.filter((interrupt) => !calls.includes(interrupt))
    if (questions.length > 0) {
      return Either.right({ _tag: "Uncovered", open: questions.map(({ id }) => id) })
    }
    const missing = ResumeRules.leftOpen(calls, callResults)
    const hasQuestion = open.some(({ clientTool }) => clientTool !== true)
    if (missing.length > 0 && !hasQuestion) {
      return Either.right({ _tag: record.snapshot.protocol === undefined ? "Leave" : "Complete" })
    }
    // Calls of the client with an answer from elsewhere: an earlier one, or an entry of this input.
    const ours = new Set(
      run.waiting.interrupts.flatMap((interrupt) =>
        calls.includes(interrupt) || (interrupt.clientTool !== true && !open.includes(interrupt))
          ? []
          : [interrupt.toolCallId],
      ),
    )
    // The other questions are answered, so the run resumes: a call without a result is one that the client declines.
    const declined = missing.map(({ id }): Answer => ({ interruptId: id, status: "cancelled" }))
    return Either.map(take([...entries, ...callResults, ...declined]), (all) => ({
      _tag: "Continue",
      events: all.events,
      record: { ...all.record, snapshot: continued(all.record, snapshot, ours, run.latestEventId) },
      input,
      unnamed,
    }))
  })
}

/** What `Runs.followUp` returns, once a store has done what was decided; `run` is as it is then. */
export const resultOf = (decision: Decision, run: Run): FollowedUp => {
  switch (decision._tag) {
    case "Continue":
    case "Repeat":
      return { _tag: "Continued", run, since: decision.input.since, duplicate: decision._tag === "Repeat" }
    case "Uncovered":
      return { _tag: "Uncovered", run, open: decision.open }
    case "Answered":
      return { _tag: "Answered", run }
    case "Complete":
    case "Leave":
      return { _tag: "Left", run }
  }
}
