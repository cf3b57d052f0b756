/**
 * Batches of submissions.
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import type { Submitted } from "../../ports/Runs.js"
import type { RunOperation } from "../commit/RunCommits.js"
import * as SubmitAnswers from "./SubmitAnswers.js"
import * as SubmitOperation from "./SubmitOperation.js"
import type { Request } from "./SubmitRequest.js"

/**
 * Submissions that are sent together: those of one request are in one commit, and each has a verdict of its own.
 *
 * @since 0.1.0
 * @category operations
 */
export const operation = <X>(): RunOperation<
  ReadonlyArray<Request>,
  ReadonlyArray<Either.Either<SubmitAnswers.Decision, SubmitOperation.Refusal>>,
  ReadonlyArray<Either.Either<Submitted, SubmitOperation.Refusal>>,
  never,
  X
> => ({
  name: "Runs.submitMany",
  decide: (requests, batch) =>
    Effect.map(SubmitOperation.submitAll(requests.flat(), batch, SubmitOperation.roots), (verdicts) => {
      let next = 0
      return requests.map(({ length }) => {
        next += length
        return Either.right(verdicts.slice(next - length, next))
      })
    }),
  answer: (decisions) => decisions.map(Either.map(SubmitAnswers.answerOf)),
})
