/**
 * The marks of requests to a model. A request that began and whose answer is not recorded has a price that is not known, so a request
 * is made once the log has its mark.
 *
 * Source: docs/decisions/0058-superseded-parts.md
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"
import { requestEventName, stepIdOf } from "../model/StepRecord.js"
import type { AttemptSteps } from "./StepLog.js"
import { StepLog } from "./StepLog.js"

/**
 * The step that the answer of the request is recorded as.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnswerStep {
  readonly name: string
  readonly key: number
}

/**
 * `event` is the mark, for the Stream of the executor. `committed` ends once the log has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Begun {
  readonly event: AgentEvent
  readonly committed: Effect.Effect<void>
}

/**
 * The id of the step of an answer. A report of usage that names it as its `request` closes the mark, and so does the record of the step.
 *
 * @since 0.1.0
 * @category ids
 */
export const idOf = ({ key, name }: AnswerStep): string => stepIdOf({ within: undefined, name, key })

const mark = (steps: AttemptSteps, step: AnswerStep, fields: { readonly refused?: true }) =>
  Effect.map(
    steps.issue(requestEventName, { step_id: idOf(step), ...step, ...fields }),
    ({ event, id }): Begun => ({ event, committed: steps.committed(id) }),
  )

const marked = (step: AnswerStep, fields: { readonly refused?: true }): Effect.Effect<Option.Option<Begun>> =>
  Effect.flatMap(
    Effect.serviceOption(StepLog),
    Option.match({
      onNone: () => Effect.succeedNone,
      onSome: (log) => Effect.asSome(mark(log.steps(), step, fields)),
    }),
  )

/**
 * The mark of a request that is about to be made. None where the execution has no log.
 *
 * @since 0.1.0
 * @category marks
 */
export const begin = (step: AnswerStep): Effect.Effect<Option.Option<Begun>> => marked(step, {})

/**
 * The mark that the server has refused the request, which costs nothing then.
 *
 * @since 0.1.0
 * @category marks
 */
export const refused = (step: AnswerStep): Effect.Effect<Option.Option<Begun>> =>
  marked(step, { refused: true })
