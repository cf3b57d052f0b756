/**
 * Asking, and going on with the answer: what an executor needs to let somebody decide.
 *
 * An executor runs again from its beginning when it is answered, so what it asks is named: the same id finds the answer
 * that was given to it.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Predicate } from "effect"
import { AwaitAnswers, awaitAnswers } from "./Executor.js"
import type { Answer, Interrupt } from "../model/Interrupt.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import type { ClaimedRun } from "../model/Run.js"

/** What is asked. `reason` is `input_required` when absent. */
export interface Question extends Omit<Interrupt, "reason"> {
  readonly reason?: string | undefined
}

/** Units: `expiresAfter` 1 second to 365 days from when the run is suspended; it waits for ever when absent. */
export interface Patience {
  readonly expiresAfter?: Duration.DurationInput | undefined
}

type Asking = Pick<ClaimedRun, "snapshot">

/**
 * The answer that was given to an interrupt, the last one when it was asked more than once.
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
 * The answers to several questions, in their order. All that have none are asked at once; the run goes on when it has
 * all of them.
 *
 * @since 0.1.0
 * @category asking
 */
export const askAll = (
  run: Asking,
  questions: ReadonlyArray<Question>,
  { expiresAfter }: Patience = {},
): Effect.Effect<ReadonlyArray<Answer>, AwaitAnswers> =>
  Effect.suspend(() => {
    const found = questions.map(({ id }) => answerTo(run.snapshot, id))
    const [first, ...others] = questions.filter((_, index) => Option.isNone(found[index]!)).map(toInterrupt)
    return first === undefined
      ? Effect.succeed(found.flatMap(Option.toArray))
      : Effect.fail(awaitAnswers([first, ...others], expiresAfter))
  })

/**
 * The answer to a question: the run is suspended until somebody gives it, and finds it here when it goes on.
 *
 * ```ts
 * const { payload } = yield* Interrupts.ask(run, { id: "colour", message: "Which colour?" })
 * ```
 *
 * Fails: `AwaitAnswers` while there is none, which suspends the run and is not to be caught.
 *
 * @since 0.1.0
 * @category asking
 */
export const ask = (
  run: Asking,
  { expiresAfter, ...question }: Question & Patience,
): Effect.Effect<Answer, AwaitAnswers> =>
  Effect.map(askAll(run, [question], { expiresAfter }), ([answer]) => answer!)

/** The JSON Schema of the answer to whether something is approved. */
export const approvalSchema = {
  type: "object",
  properties: { approved: { type: "boolean" } },
  required: ["approved"],
}

/**
 * Whether an answer is a yes: `true` or `{ approved: true }`. Anything else is a no.
 *
 * @since 0.1.0
 * @category accessors
 */
export const approved = ({ isError, payload, status }: Answer): boolean =>
  status === "resolved" &&
  isError !== true &&
  (payload === true || (Predicate.isRecord(payload) && payload["approved"] === true))

/**
 * Whether somebody says yes.
 *
 * ```ts
 * if (yield* Interrupts.approve(run, { id: "deploy", message: "Deploy to production?" })) yield* deploy
 * ```
 *
 * @since 0.1.0
 * @category asking
 */
export const approve = (run: Asking, question: Question & Patience): Effect.Effect<boolean, AwaitAnswers> =>
  Effect.map(ask(run, { reason: "confirmation", responseSchema: approvalSchema, ...question }), approved)
