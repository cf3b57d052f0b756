/**
 * The event at the beginning of the log of a run that does another one again. The control plane writes it.
 *
 * Source: docs/decisions/0122-retry-keeps-records.md
 */
import { custom, type LogEvent } from "@runlease/core/AgentEvent"
import { RunId } from "@runlease/core/Ids"
import { Option, Schema } from "effect"

export const retryEventName = "runlease.retry"

/**
 * Which run it does again. `records`: how many records of that run it begins with. `answers`: how many answers to its questions.
 * `fromStart`: that it does all of it again was wanted. `by`: who
 * wanted the retry, in words for people; absent for a caller without a name.
 */
export interface RetryOf {
  readonly runId: RunId
  readonly records: number
  readonly answers: number
  readonly fromStart: boolean
  readonly by?: string | undefined
}

const EventValue = Schema.Struct({
  run_id: RunId,
  records: Schema.NonNegativeInt,
  answers: Schema.NonNegativeInt,
  from_start: Schema.Boolean,
  by: Schema.optional(Schema.String),
})

export const toEvent = ({ answers, by, fromStart, records, runId }: RetryOf): LogEvent =>
  custom(retryEventName, {
    run_id: runId,
    records,
    answers,
    from_start: fromStart,
    ...(by === undefined ? {} : { by }),
  } satisfies typeof EventValue.Encoded)

/** Whether an event has that name. */
export const isRetry = ({ name, type }: LogEvent): boolean => type === "CUSTOM" && name === retryEventName

const decode = Schema.decodeUnknownOption(EventValue)

/** What an event of the control plane says of a retry, if it does. */
export const fromEvent = (event: LogEvent): Option.Option<RetryOf> =>
  isRetry(event)
    ? Option.map(
        decode(event["value"]),
        ({ answers, by, from_start: fromStart, records, run_id: runId }) => ({
          by,
          runId,
          records,
          answers,
          fromStart,
        }),
      )
    : Option.none()

/** The run whose records a log begins with that begins with these events. */
export const repeatedBy = ([first]: ReadonlyArray<LogEvent>): RunId | undefined =>
  Option.getOrUndefined(
    Option.flatMap(first === undefined ? Option.none() : fromEvent(first), ({ fromStart, runId }) =>
      fromStart ? Option.none() : Option.some(runId),
    ),
  )
