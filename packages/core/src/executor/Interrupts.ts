/**
 * Questions of an executor that a person or a program answers while the run is suspended.
 *
 * A question waits as a sleep does: the run is suspended, and its questions are shown, once no step of it is in flight. The executor runs
 * again from its beginning when the answers are there, so each question has an id, by which the executor finds its answer. An attempt that
 * asks one id twice fails: the answer to one question is none to the next.
 *
 * Source: docs/decisions/0014-interrupts.md, docs/decisions/0059-parking-and-waiting.md
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Predicate } from "effect"
import { type AwaitAnswers, awaitAnswers } from "./ExecutorError.js"
import type { Answer, Interrupt } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"
import type { StepError } from "./StepError.js"
import { StepLog } from "./StepLog.js"
import { failed } from "./StepRecording.js"
import { unlessOnce } from "./CurrentStep.js"

/**
 * A question, which becomes an interrupt of the run. `reason` is `input_required` when absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question extends Omit<Interrupt, "reason"> {
  readonly reason?: string | undefined
}

/**
 * How long the run waits for answers.
 *
 * Units: `expiresAfter` is 1 second to 365 days from when the run is suspended; the run waits for ever when absent. Where something else
 * ends the wait first, the next one counts anew; the `expiresAt` of a question is one instant for all of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Patience {
  readonly expiresAfter?: Duration.DurationInput | undefined
}

type RunWithAnswers = Pick<ClaimedRun, "snapshot">

/**
 * The answer to an interrupt; the last one when the interrupt was answered more than once.
 *
 * @since 0.1.0
 * @category accessors
 */
export const answerTo = (snapshot: RequestSnapshot, id: string): Option.Option<Answer> =>
  Option.fromNullable(snapshot.resume?.findLast(({ interruptId }) => interruptId === id))

const toInterrupt = ({ reason = "input_required", ...question }: Question): Interrupt => ({
  ...question,
  reason,
})

/**
 * The failures of a question: `StepError` for an id that this attempt has used before, or inside a step that happens at most once. Where an
 * executor runs without a worker, nothing can wait for an answer that is not there: it fails with `AwaitAnswers`.
 *
 * @since 0.1.0
 * @category errors
 */
export type NotAnswered = AwaitAnswers | StepError

/**
 * The answers to several questions, in their order. Questions without an answer wait for it. Once no step of the run is in flight, the
 * run is suspended with the open questions of all its fibers. It goes on when all of them are answered, or when another wait of it ends
 * first: then it asks the open questions again, and the answers that were given stay.
 *
 * Fails: see `NotAnswered`.
 *
 * @since 0.1.0
 * @category asking
 */
export const askAll = (
  run: RunWithAnswers,
  questions: ReadonlyArray<Question>,
  { expiresAfter }: Patience = {},
): Effect.Effect<ReadonlyArray<Answer>, NotAnswered, StepLog> =>
  Effect.gen(function* () {
    const attempt = (yield* StepLog).steps()
    let within: string | undefined
    for (const { id } of questions) {
      within = (yield* unlessOnce(id, `Question ${id}`))?.id
      // No id of a step has a space.
      if (!attempt.take(`question ${id}`)) {
        return yield* failed(
          id,
          "duplicate",
          `This attempt has a question ${id} already; give each one an id of its own`,
        )
      }
    }
    const answers = questions.map(({ id }) => answerTo(run.snapshot, id))
    const [first, ...others] = questions.filter((_, index) => Option.isNone(answers[index]!)).map(toInterrupt)
    if (first === undefined) return answers.flatMap(Option.toArray)
    const awaited = awaitAnswers([first, ...others], expiresAfter)
    return yield* attempt.lease === undefined ? awaited : attempt.park(within, awaited, Effect.never)
  })

/**
 * The answer to a question, as `askAll` waits for it. The executor runs again when the answer is there, and finds it here.
 *
 * ```ts
 * const { payload } = yield* Interrupts.ask(run, { id: "colour", message: "Which colour?" })
 * ```
 *
 * Fails: see `NotAnswered`.
 *
 * @since 0.1.0
 * @category asking
 */
export const ask = (
  run: RunWithAnswers,
  { expiresAfter, ...question }: Question & Patience,
): Effect.Effect<Answer, NotAnswered, StepLog> =>
  Effect.map(askAll(run, [question], { expiresAfter }), ([answer]) => answer!)

/**
 * The JSON Schema of an answer that approves or not.
 *
 * @since 0.1.0
 * @category constants
 */
export const approvalSchema = {
  type: "object",
  properties: { approved: { type: "boolean" } },
  required: ["approved"],
}

/**
 * Whether an answer approves: it is `true` or `{ approved: true }`. Any other answer does not.
 *
 * @since 0.1.0
 * @category accessors
 */
export const approved = ({ isError, payload, status }: Answer): boolean =>
  status === "resolved" &&
  isError !== true &&
  (payload === true || (Predicate.isRecord(payload) && payload["approved"] === true))

/**
 * Asks for an approval, and returns whether it was given.
 *
 * ```ts
 * if (yield* Interrupts.approve(run, { id: "deploy", message: "Deploy to production?" })) yield* deploy
 * ```
 *
 * @since 0.1.0
 * @category asking
 */
export const approve = (
  run: RunWithAnswers,
  question: Question & Patience,
): Effect.Effect<boolean, NotAnswered, StepLog> =>
  Effect.map(ask(run, { reason: "confirmation", responseSchema: approvalSchema, ...question }), approved)
