/**
 * Answers of callers to the questions of runs, and edits of forks: their authors, and whether their edits fit the schema of their question.
 *
 * Every face answers through the ports of a project, so all of them are here.
 */
import { AnswerEvent, Runs } from "@runlease/core"
import * as AnswerCheck from "@runlease/core/AnswerCheck"
import { Effect, Option, type Scope } from "effect"
import { CurrentPrincipal, inWords } from "../contract/Principal.js"
import * as CheckThread from "./CheckThread.js"
import * as SchemaChecks from "./SchemaChecks.js"

type RunsPort = Runs.Runs["Type"]

/** A change with the caller of their request as their author. */
const named = <A, E, R>(answering: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.serviceOption(CurrentPrincipal),
    Option.match({
      onNone: () => answering,
      onSome: (principal) => Effect.provideService(answering, AnswerEvent.Answerer, inWords(principal)),
    }),
  )

export interface AnswerForms {
  /** The problem of a value with the JSON Schema of a question. What takes too long passes, as a payload does. */
  readonly check: AnswerCheck.Check

  /** The same runs, with answers that are checked, and with the author of each answer, edit, cancellation and retry. */
  readonly over: (runs: RunsPort) => RunsPort
}

export const make: Effect.Effect<AnswerForms, never, Scope.Scope> = Effect.map(
  CheckThread.make,
  (thread): AnswerForms => {
    const check: AnswerCheck.Check = (schema, value) =>
      SchemaChecks.checkOf(thread, new Map([[JSON.stringify(schema), schema]]))(value, SchemaChecks.budget())
    return {
      check,
      over: (runs) => {
        const checked = AnswerCheck.over(runs, check)
        return {
          ...checked,
          resume: (runId, answers) => named(checked.resume(runId, answers)),
          followUp: (runId, input) => named(checked.followUp(runId, input)),
          fork: (runId, options) => named(checked.fork(runId, options)),
          cancel: (runId) => named(checked.cancel(runId)),
          retry: (runId, options) => named(checked.retry(runId, options)),
        }
      },
    }
  },
)
