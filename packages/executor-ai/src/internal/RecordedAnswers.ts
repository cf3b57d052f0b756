/**
 * The answers of a model that the log has whole. A later attempt continues after them.
 *
 * Source: docs/decisions/0064-answers-of-a-model-are-records.md
 */
import { type AgentEvent, StepRecord } from "@runlease/core"
import {
  ModelRequest,
  type PastAttempts,
  type ReportedSteps,
  StepLog,
  ToolCalls,
} from "@runlease/core/executor"
import { Effect, Option, Schema, Stream } from "effect"
import type * as Answer from "./Answer.js"
import * as Approvals from "./Approvals.js"
import * as RequestedCall from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

type Attempts = ReadonlyArray<PastAttempts.PastAttempt>

const stepName = "answer"

/**
 * What a record says besides the ids of its messages and calls. `by_provider` are the calls that the provider makes itself. `problems`
 * say why calls cannot be made, by call.
 */
const Result = Schema.parseJson(
  Schema.Struct({
    continues: Schema.Boolean,
    by_provider: Schema.optional(Schema.Array(Schema.String)),
    problems: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  }),
)

const encode = Schema.encodeSync(Result)
const decode = Schema.decodeUnknownOption(Result)

/** The records of answers, oldest first. */
const recordsOf = (attempts: Attempts): ReadonlyArray<StepRecord.StepRecord> =>
  attempts.flatMap(({ records }) => records.filter(({ name }) => name === stepName))

/** How many answers of the run are recorded. */
export const count = (attempts: Attempts): number => recordsOf(attempts).length

/** The calls of recorded answers that the provider made itself. */
export const providerCalls = (attempts: Attempts): ReadonlySet<string> =>
  new Set(
    recordsOf(attempts).flatMap(({ result }) =>
      Option.match(decode(result), { onNone: () => [], onSome: ({ by_provider = [] }) => by_provider }),
    ),
  )

const resultOf = ({ calls, providerCalls }: Answer.Summary, continues: boolean): typeof Result.Type => {
  const problems = calls.flatMap(({ problem, toolCallId }) =>
    problem === undefined ? [] : [[toolCallId, problem] as const],
  )
  return {
    continues,
    ...(providerCalls.size === 0 ? {} : { by_provider: Array.from(providerCalls) }),
    ...(problems.length === 0 ? {} : { problems: Object.fromEntries(problems) }),
  }
}

/** Records the answers of an attempt. */
export interface Recorder {
  /** The mark of the request for the next answer. The request is made once the log has it. */
  readonly begin: Effect.Effect<ReportedSteps.Report>

  /** The mark that the server has refused that request. */
  readonly refused: Effect.Effect<ReportedSteps.Report>

  /** The id of the step of the next answer, which reports of its usage name. */
  readonly stepId: () => string

  /** The record of an answer, which comes after its events. */
  readonly record: (answer: Answer.Summary, continues: boolean) => Stream.Stream<AgentEvent.AgentEvent>

  /** Waits until the last record is in the log. */
  readonly committed: Effect.Effect<void>
}

const recorderOf = (steps: StepLog.AttemptSteps | undefined, before: number): Recorder => {
  let number = before
  let recordId: string | undefined
  const step = () => ({ name: stepName, key: number })
  const requests = {
    begin: Effect.suspend(() => ModelRequest.begin(step())),
    refused: Effect.suspend(() => ModelRequest.refused(step())),
    stepId: () => ModelRequest.idOf(step()),
  }
  if (steps === undefined) return { ...requests, record: () => Stream.empty, committed: Effect.void }
  return {
    ...requests,
    record: (answer, continues) =>
      Stream.fromEffect(
        Effect.suspend(() => {
          const { key, name } = step()
          const stepId = requests.stepId()
          number += 1
          const { callIds, messageIds } = answer
          const result = encode(resultOf(answer, continues))
          const fields = { result, messages: messageIds, tool_calls: callIds }
          return Effect.map(
            steps.issue(StepRecord.stepEventName, { step_id: stepId, name, key, ...fields }),
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
  Effect.map(Effect.serviceOption(StepLog.StepLog), (log) =>
    recorderOf(Option.isSome(log) ? log.value.steps() : undefined, count(attempts)),
  )

/** A call of a recorded answer that has no result. `begun`: an attempt that died may have made it. */
export interface OpenCall extends RequestedCall.RequestedCall {
  readonly ordinal: number
  readonly begun: boolean
}

/** The last recorded answer of this part of the run: whether the run continues after it, and its calls without a result. */
export interface LastAnswer {
  readonly continues: boolean
  readonly open: ReadonlyArray<OpenCall>
}

/** What a record says that cannot be read. */
const lenient: typeof Result.Type = { continues: true }

/** The last answer that was recorded since the run last waited. */
export const last = (attempts: Attempts): Option.Option<LastAnswer> => {
  const part = attempts.slice(attempts.findLastIndex(({ waited }) => waited) + 1)
  return Option.map(Option.fromNullable(recordsOf(part).at(-1)), ({ result, tool_calls = [] }) => {
    const { by_provider = [], continues, problems = {} } = Option.getOrElse(decode(result), () => lenient)
    const named = new Set(tool_calls.filter((id) => !by_provider.includes(id)))
    const answered = ToolResults.answeredIds(attempts)
    const counter = ToolCalls.after([])
    const open = attempts
      .flatMap(({ calls }) => calls.filter(({ valid }) => valid))
      .flatMap((call): ReadonlyArray<OpenCall> => {
        const { ordinal } = counter.take(call)
        const { ended, toolCallId } = call
        if (!named.has(toolCallId) || answered.has(toolCallId)) return []
        const begun = ended || Approvals.isBegun(attempts, toolCallId)
        return [{ ...RequestedCall.fromLog(call, problems[toolCallId]), ordinal, begun }]
      })
    // A message that was consumed behind the answer has none itself.
    const hasNewMessage = part.flatMap(({ validMessages }) => validMessages).at(-1)?.role === "user"
    return { continues: continues || hasNewMessage, open }
  })
}
