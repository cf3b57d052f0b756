/** The messages to a run, for a program that takes lines. */
import { Emit, type Executor, Inbox, type Step } from "@runlease/core"
import { StepLog } from "@runlease/core/executor"
import { Effect, Option, Stream } from "effect"
import type * as Input from "./Input.js"

const stepName = "runlease.message"

/**
 * Passes each message to the run to the program, in order and from the first, once the log has that it is consumed. So a later attempt gets
 * the same ones again, and then those that came since. Has no events and no end. Passes none where the execution has no log.
 *
 * The program is in flight meanwhile, so the run is never suspended to wait for a message.
 */
export const deliver = (
  input: Input.Input,
  failureOf: (error: Step.StepError) => Executor.ExecutorError,
): Stream.Stream<never, Executor.ExecutorError> => {
  const from = (number: number): Effect.Effect<never, Step.StepError, Emit.Emit | StepLog.StepLog> =>
    Inbox.take(stepName, { key: number }).pipe(
      Effect.flatMap(input.passMessage),
      Effect.flatMap(() => from(number + 1)),
    )
  return Stream.drain(
    Stream.fromEffect(
      Effect.flatMap(
        Effect.all([Effect.serviceOption(Emit.Emit), Effect.serviceOption(StepLog.StepLog)]),
        ([emit, log]) =>
          Option.isNone(emit) || Option.isNone(log)
            ? Effect.never
            : log.value
                .steps()
                .inFlight({ id: stepName, within: undefined }, from(1))
                .pipe(
                  Effect.provideService(Emit.Emit, emit.value),
                  Effect.provideService(StepLog.StepLog, log.value),
                  Effect.mapError(failureOf),
                ),
      ),
    ),
  )
}
