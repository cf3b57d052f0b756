/**
 * The refusal of edits that do not fit the JSON Schema of their question.
 *
 * The executor checks them again: what a check has no time for passes here.
 */
import { Effect, Option } from "effect"
import * as Edits from "../model/Edits.js"
import type { Answer, Interrupt } from "../model/Interrupt.js"
import * as ResumeRules from "./ResumeRules.js"
import { AnswerRefused, type Runs } from "./Runs.js"

/** The problem of a value with a JSON Schema; undefined where it fits. */
export type Check = (schema: object, value: unknown) => Effect.Effect<string | undefined>

/** Refuses a payload that does not fit the schema of its question. `field` is that of the answer. */
export const checkWhole = Effect.fnUntraced(function* (
  check: Check,
  runId: string,
  { id, responseSchema }: Interrupt,
  { field, payload }: { readonly field: string; readonly payload: unknown },
) {
  const problem = responseSchema === undefined ? undefined : yield* check(responseSchema, payload)
  if (problem === undefined) return
  return yield* new AnswerRefused({ runId, interruptId: id, field, message: problem })
})

/** Passes answers without edits, and those whose question is not open: the store has their refusal. */
const checkAll = Effect.fnUntraced(function* (
  runs: Runs["Type"],
  check: Check,
  runId: Parameters<Runs["Type"]["resume"]>[0],
  answers: ReadonlyArray<Answer>,
) {
  const run = yield* runs.get(runId)
  const open = ResumeRules.openOf(run)
  for (const answer of answers) {
    const interrupt = ResumeRules.named(open, answer.interruptId)
    const edits = Edits.of(answer)
    const schema = interrupt === undefined ? Option.none() : Edits.schemaOf(interrupt)
    if (interrupt === undefined || Option.isNone(edits) || Option.isNone(schema)) continue
    const problem = yield* check(schema.value, edits.value)
    if (problem === undefined) continue
    return yield* new AnswerRefused({
      runId: run.runId,
      interruptId: interrupt.id,
      field: ResumeRules.editsField,
      message: problem,
    })
  }
})

const haveEdits = (answers: ReadonlyArray<Answer>): boolean =>
  answers.some((answer) => Option.isSome(Edits.of(answer)))

/** The same runs, which refuse such edits. An answer without edits pays for no check. */
export const over = (runs: Runs["Type"], check: Check): Runs["Type"] => ({
  ...runs,
  resume: (runId, answers) =>
    haveEdits(answers)
      ? Effect.zipRight(checkAll(runs, check, runId, answers), runs.resume(runId, answers))
      : runs.resume(runId, answers),
  followUp: (runId, input) =>
    haveEdits(input.resume)
      ? Effect.zipRight(checkAll(runs, check, runId, input.resume), runs.followUp(runId, input))
      : runs.followUp(runId, input),
})
