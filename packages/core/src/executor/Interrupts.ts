/**
 * Questions of an executor that a person or a program answers while the run is suspended.
 *
 * The executor runs again from its beginning when the answers are there, so each question has an id, by which the executor
 * finds its answer.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Predicate } from "effect"
import { AwaitAnswers, awaitAnswers } from "./ExecutorError.js"
import type { Answer, Interrupt } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"

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
 * Units: `expiresAfter` is 1 second to 365 days from when the run is suspended; the run waits for ever when absent.
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
 * The answers to several questions, in their order. The questions without an answer suspend the run, which goes on
 * when all of them are answered.
 *
 * Fails: `AwaitAnswers` while an answer is missing, which suspends the run. Do not catch it.
 *
 * @since 0.1.0
 * @category asking
 */
export const askAll = (
  run: RunWithAnswers,
  questions: ReadonlyArray<Question>,
  { expiresAfter }: Patience = {},
): Effect.Effect<ReadonlyArray<Answer>, AwaitAnswers> =>
  Effect.suspend(() => {
    const answers = questions.map(({ id }) => answerTo(run.snapshot, id))
    const [first, ...others] = questions.filter((_, index) => Option.isNone(answers[index]!)).map(toInterrupt)
    return first === undefined
      ? Effect.succeed(answers.flatMap(Option.toArray))
      : Effect.fail(awaitAnswers([first, ...others], expiresAfter))
  })

/**
 * The answer to a question. The run is suspended until it has the answer, and then runs again and finds it here.
 *
 * ```ts
 * const { payload } = yield* Interrupts.ask(run, { id: "colour", message: "Which colour?" })
 * ```
 *
 * Fails: `AwaitAnswers` while there is no answer, which suspends the run. Do not catch it.
 *
 * @since 0.1.0
 * @category asking
 */
export const ask = (
  run: RunWithAnswers,
  { expiresAfter, ...question }: Question & Patience,
): Effect.Effect<Answer, AwaitAnswers> =>
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
): Effect.Effect<boolean, AwaitAnswers> =>
  Effect.map(ask(run, { reason: "confirmation", responseSchema: approvalSchema, ...question }), approved)
