/**
 * Steps whose work is done elsewhere, such as by a program or by a remote agent that a Stream shows. The executor passes the record of each
 * as an event of its Stream, behind the events of the step.
 *
 * Source: docs/decisions/0057-steps.md
 */
import { Effect, Option } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"
import { stepEventName, stepIdOf } from "../model/StepRecord.js"
import { CurrentStep, type Keyed, take } from "./Step.js"
import type { StepError } from "./StepError.js"
import { StepLog } from "./StepLog.js"
import { failed, issue, opened, parsed, sealed } from "./StepRecording.js"

/** A step that an earlier attempt has recorded. `result` is a value of JSON, null where the step has none. */
export interface ReportedStep {
  readonly name: string
  readonly key?: unknown
  readonly result: unknown
}

/**
 * `events` is the record, for the Stream of the executor. It is empty where an earlier attempt has recorded the step, whose result stays,
 * and where the execution has no log. `committed` ends once the record is in the log.
 */
export interface Report {
  readonly events: ReadonlyArray<AgentEvent>
  readonly committed: Effect.Effect<void>
}

/**
 * `messages` and `toolCalls` are the ids of those that the step has opened in the log: they stay a part of the conversation, whatever
 * becomes of the attempt.
 */
export interface Options extends Keyed {
  readonly messages?: ReadonlyArray<string>
  readonly toolCalls?: ReadonlyArray<string>
}

const nothing: Report = { events: [], committed: Effect.void }

/**
 * The results that earlier attempts have recorded outside of other steps, in the order of the log. The first attempt reads nothing.
 *
 * Fails: `StepError`, with reason `unreadable` where the codec does not open a result, and `unavailable`.
 */
export const recorded: Effect.Effect<ReadonlyArray<ReportedStep>, StepError> = Effect.flatMap(
  Effect.all([Effect.serviceOption(StepLog), Effect.serviceOption(CurrentStep)]),
  ([log, enclosing]) => {
    if (Option.isNone(log)) return Effect.succeed([])
    const within = Option.getOrUndefined(enclosing)?.id
    return log.value.steps().recorded.pipe(
      Effect.mapError((error) =>
        failed("", "unavailable", `The steps of earlier attempts cannot be read: ${error.message}`),
      ),
      Effect.flatMap((steps) =>
        Effect.forEach(steps, ([id, { done }]) => {
          if (done === undefined || done.failure !== undefined) return Effect.succeed([])
          const { codec, key, name, result: text = "null" } = done
          if (stepIdOf({ within, name, key }) !== id) return Effect.succeed([])
          return opened(codec, text).pipe(
            Effect.flatMap(parsed),
            Effect.mapBoth({
              onFailure: (problem) =>
                failed(name, "unreadable", `The record of step ${name} cannot be read: ${problem}`),
              onSuccess: (result): ReadonlyArray<ReportedStep> => [
                { name, ...(key === undefined ? {} : { key }), result },
              ],
            }),
          )
        }),
      ),
      Effect.map((steps) => steps.flat()),
    )
  },
)

/**
 * Makes the record of a step that is done.
 *
 * Fails: `StepError` as `Step.run` does, such as for a name and key that this attempt has recorded already.
 *
 * Units: 8 MiB of results as JSON and 10,000 steps a run.
 */
export const record = (
  name: string,
  result: unknown,
  options: Options = {},
): Effect.Effect<Report, StepError> =>
  Effect.flatMap(Effect.serviceOption(StepLog), (log) =>
    Option.isNone(log)
      ? Effect.succeed(nothing)
      : Effect.gen(function* () {
          const step = yield* Effect.provideService(take(name, options), StepLog, log.value)
          if (step.recorded?.done !== undefined) return nothing
          const text: string | undefined = JSON.stringify(result)
          return yield* issue(step, stepEventName, {
            ...(yield* sealed(text)),
            messages: options.messages,
            tool_calls: options.toolCalls,
          })
        }),
  )
