/**
 * The answers of a model that the log has whole. A later attempt goes on after them.
 *
 * Source: docs/decisions/0064-answers-of-a-model-are-records.md
 */
import { type AgentEvent, type PastAttempts, StepLog, StepRecord, ToolCalls } from "@runlease/core"
import { Effect, Option, Schema, Stream } from "effect"
import type * as Answer from "./Answer.js"
import * as Approvals from "./Approvals.js"
import * as RequestedCall from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

type Attempts = ReadonlyArray<PastAttempts.PastAttempt>

const stepName = "answer"

/** What a record says beside the ids of its messages and calls. */
const Result = Schema.parseJson(Schema.Struct({ continues: Schema.Boolean }))

const encode = Schema.encodeSync(Result)
const decode = Schema.decodeUnknownOption(Result)

/** The records of answers, oldest first. */
const recordsOf = (attempts: Attempts): ReadonlyArray<StepRecord.StepRecord> =>
  attempts.flatMap(({ records }) => records.filter(({ name }) => name === stepName))

/** How many answers of the run are recorded. */
export const count = (attempts: Attempts): number => recordsOf(attempts).length

/** Records the answers of an attempt. */
export interface Recorder {
  /** The record of an answer, which comes after its events. */
  readonly record: (answer: Answer.Summary, continues: boolean) => Stream.Stream<AgentEvent.AgentEvent>

  /** Waits until the last record is in the log. */
  readonly committed: Effect.Effect<void>
}

const noRecorder: Recorder = { record: () => Stream.empty, committed: Effect.void }

const recorderOf = (steps: StepLog.AttemptSteps, before: number): Recorder => {
  let number = before
  let recordId: string | undefined
  return {
    record: ({ callIds, messageIds }, continues) =>
      Stream.fromEffect(
        Effect.suspend(() => {
          const key = number
          number += 1
          const stepId = StepRecord.stepIdOf({ within: undefined, name: stepName, key })
          const fields = { result: encode({ continues }), messages: messageIds, tool_calls: callIds }
          return Effect.map(
            steps.issue(StepRecord.stepEventName, { step_id: stepId, name: stepName, key, ...fields }),
            ({ event, id }) => {
              recordId = id
              return event
            },
          )
        }),
      ),
    committed: Effect.suspend(() => (recordId === undefined ? Effect.void : steps.committed(recordId))),
  }
}

/** The recorder of an attempt after those before it. It records nothing where nothing keeps records. */
export const recorder = (attempts: Attempts): Effect.Effect<Recorder> =>
  Effect.map(
    Effect.serviceOption(StepLog.StepLog),
    Option.match({
      onNone: () => noRecorder,
      onSome: ({ steps }) => recorderOf(steps(), count(attempts)),
    }),
  )

/** A call of a recorded answer that has no result. `begun`: an attempt that died may have made it. */
export interface OpenCall extends RequestedCall.RequestedCall {
  readonly ordinal: number
  readonly begun: boolean
}

/** The last recorded answer of this part of the run: whether the run goes on after it, and its calls without a result. */
export interface LastAnswer {
  readonly continues: boolean
  readonly open: ReadonlyArray<OpenCall>
}

/** The last answer that was recorded since the run last waited. */
export const last = (attempts: Attempts): Option.Option<LastAnswer> => {
  const part = attempts.slice(attempts.findLastIndex(({ waited }) => waited) + 1)
  return Option.map(Option.fromNullable(recordsOf(part).at(-1)), ({ result, tool_calls = [] }) => {
    const named = new Set(tool_calls)
    const answered = ToolResults.answeredIds(attempts)
    const counter = ToolCalls.after([])
    const open = attempts
      .flatMap(({ calls }) => calls.filter(({ kept }) => kept))
      .flatMap((call): ReadonlyArray<OpenCall> => {
        const { ordinal } = counter.take(call)
        const { ended, toolCallId } = call
        if (!named.has(toolCallId) || answered.has(toolCallId)) return []
        const begun = ended || Approvals.isBegun(attempts, toolCallId)
        return [{ ...RequestedCall.fromLog(call), ordinal, begun }]
      })
    const { continues } = Option.getOrElse(decode(result), () => ({ continues: true }))
    // A message that was taken behind the answer has none itself.
    const isTold = part.flatMap(({ kept }) => kept).at(-1)?.role === "user"
    return { continues: continues || isTold, open }
  })
}
