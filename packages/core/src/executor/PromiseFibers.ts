/** Effects of an attempt as promises, for code that is written with them. */
import { Deferred, Effect, FiberSet } from "effect"
import { isFailure } from "./ExecutorOutput.js"
import { isStepError } from "./StepError.js"

/** Runs an effect in the attempt, and returns its result as a promise. */
export type Give<R> = <A>(effect: Effect.Effect<A, unknown, R>) => Promise<A>

/** An error that ends the attempt, whatever the program makes of the rejection that it gets. */
export const isOfTheAttempt = (error: unknown): boolean => isStepError(error) || isFailure(error)

export const attempted = <A>(body: (signal: AbortSignal) => PromiseLike<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: body, catch: (error) => error })

/**
 * Runs a program whose effects are promises, and returns its result. The signal is aborted when the attempt ends early.
 *
 * Fails: with what the program rejects with, and with an effect's `StepError`, `ExecutorError` or defect where the program catches it.
 */
export const run = <R, A>(
  program: (give: Give<R>, signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, unknown, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const failed = yield* Deferred.make<never, unknown>()
      // The Scope of the attempt interrupts what the program has left running.
      const promiseOf = yield* FiberSet.makeRuntimePromise<R>()
      const give: Give<R> = (effect) => {
        const promise = promiseOf(
          effect.pipe(
            Effect.tapError((error) => (isOfTheAttempt(error) ? Deferred.fail(failed, error) : Effect.void)),
            Effect.tapDefect((defect) => Deferred.failCause(failed, defect)),
          ),
        )
        // The program of an attempt that has ended reads it no more.
        promise.catch(() => {})
        return promise
      }
      return yield* Effect.raceFirst(
        attempted((signal) => program(give, signal)),
        Deferred.await(failed),
      )
    }),
  )
