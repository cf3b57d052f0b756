/** How a transaction of a step is repeated, and which of its failures the body has caused. */
import { ControlPlaneUnavailable, type StepDatabase } from "@runlease/core"
import { StepError } from "@runlease/core/Step"
import { Cause, Effect, Option, Schedule } from "effect"
import * as StepTable from "./StepTable.js"

/** A failure of the body, apart from those of the transaction around it. */
export class BodyFailure<E> {
  constructor(readonly error: E) {}
}

/** Some ten seconds. After it the run itself is attempted again. */
const schedule = Schedule.intersect(
  ControlPlaneUnavailable.backoff("50 millis", "2 seconds"),
  Schedule.recurs(9),
)

/** The failures of a transaction, which `body` or the database has caused. It runs again where the database has passing trouble. */
export const repeated = <A, E, R>(
  key: StepDatabase.StepKey,
  transaction: Effect.Effect<A, BodyFailure<E> | StepError | object, R>,
): Effect.Effect<A, E | StepError, R> =>
  transaction.pipe(
    Effect.catchAllCause((cause): Effect.Effect<never, E | StepError> => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      if (failure instanceof StepError) return Effect.fail(failure)
      if (failure instanceof BodyFailure) {
        const error: E = failure.error
        return Effect.fail(StepTable.passes(error) ? StepTable.failureOf(key, error) : error)
      }
      if (failure !== undefined) return Effect.fail(StepTable.failureOf(key, failure))
      // A connection that is lost cannot roll back, which is a defect of the client, as a commit without an answer is.
      const defect = Option.getOrUndefined(Cause.dieOption(cause))
      return StepTable.passes(defect)
        ? Effect.fail(StepTable.failureOf(key, defect))
        : Effect.failCause(cause as Cause.Cause<never>)
    }),
    Effect.retry({
      schedule,
      while: (error) => error instanceof StepError && error.reason === "unavailable",
    }),
  )
