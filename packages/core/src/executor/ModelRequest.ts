/**
 * The marks of requests to a model. A request that began and whose answer is not recorded has an unknown price, so a request
 * is made once the log has its mark.
 *
 * Source: docs/decisions/0058-superseded-parts.md
 */
import { Effect, Option } from "effect"
import { requestEventName, stepIdOf } from "../model/StepRecord.js"
import type { Report } from "./ReportedSteps.js"
import { StepLog } from "./StepLog.js"

/** The step that the answer of the request is recorded as. `within`: the id of the enclosing step, if it is in one. */
export interface AnswerStep {
  readonly name: string
  readonly key: number
  readonly within?: string | undefined
}

/** The id of the step of an answer. A report of usage that names it as its `request` closes the mark, and so does the record of the step. */
export const idOf = ({ key, name, within }: AnswerStep): string => stepIdOf({ within, name, key })

const mark = (step: AnswerStep, fields: { readonly refused?: true }): Effect.Effect<Report> =>
  Effect.flatMap(Effect.serviceOption(StepLog), (log) => {
    if (Option.isNone(log)) return Effect.succeed({ events: [], committed: Effect.void })
    const steps = log.value.steps()
    return Effect.map(
      steps.issue(requestEventName, { step_id: idOf(step), name: step.name, key: step.key, ...fields }),
      ({ event, id }) => ({ events: [event], committed: steps.committed(id) }),
    )
  })

/** The mark of a request that is about to be made. */
export const begin = (step: AnswerStep): Effect.Effect<Report> => mark(step, {})

/** The mark that the server has refused the request, which costs nothing then. */
export const refused = (step: AnswerStep): Effect.Effect<Report> => mark(step, { refused: true })
