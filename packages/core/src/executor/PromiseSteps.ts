/**
 * Steps and questions for code that is written with promises, such as an agent of another framework.
 *
 * ```ts
 * export default (run: Run.ClaimedRun) =>
 *   PromiseSteps.run(async (steps) => {
 *     const quote = await steps.step("quote", () => shop.quote(), { key: run.runId })
 *     if (!(await steps.approve("buy", { message: `Buy for ${quote} EUR?` }))) return "Not bought"
 *     return steps.step("buy", () => shop.buy(quote))
 *   })
 * ```
 *
 * Each attempt runs the program from its beginning, past the steps that are recorded, as it does with an Effect.
 *
 * Source: docs/decisions/0115-agents-of-other-frameworks.md
 */
import { Deferred, Effect, FiberSet, Predicate } from "effect"
import type { Leases } from "../ports/Leases.js"
import type * as Emit from "./Emit.js"
import { isFailure } from "./ExecutorOutput.js"
import * as Interrupts from "./Interrupts.js"
import { isStepError } from "./StepError.js"
import * as Step from "./Step.js"
import type { Database } from "./StepDatabase.js"
import type { StepLog } from "./StepLog.js"

export interface PromiseSteps {
  /**
   * The result of `body`, from the log where an earlier attempt has recorded it. It rejects as `body` does. Its signal is aborted when
   * the attempt ends early. See `Step.run`.
   */
  readonly step: <A>(
    name: string,
    body: (signal: AbortSignal) => PromiseLike<A>,
    ...options: Step.OptionsOf<A, Step.Options<A, unknown>>
  ) => Promise<A>

  /**
   * The result of `body`, whose writes in the database are committed together with it, once, whatever dies. The body gets the
   * transaction, and may run again after a rollback. See `Step.transaction` and `@runlease/sql/StepDatabases`.
   */
  readonly transaction: <Tx, A>(
    name: string,
    database: Database<Tx>,
    body: (transaction: Tx, signal: AbortSignal) => PromiseLike<A> | A,
    ...options: Step.OptionsOf<A, Step.Transactional<A, unknown>>
  ) => Promise<A>

  /** Whether a person approves. Until there is an answer the run waits without a worker. See `Interrupts.approve`. */
  readonly approve: {
    <A>(name: string, question: Interrupts.EditableQuestion<A>): Promise<Interrupts.Approval<A>>
    (name: string, question: Interrupts.Question): Promise<boolean>
  }

  /** As `approve`, with the reason of the person where there is one. See `Interrupts.decide`. */
  readonly decide: {
    <A>(name: string, question: Interrupts.EditableQuestion<A>): Promise<Interrupts.Approval<A>>
    (name: string, question: Interrupts.Question): Promise<Interrupts.Decision>
  }

  /** The answer to a question by its schema, or text. It rejects with `Declined` where there is none. */
  readonly ask: <A = string>(name: string, question: Interrupts.TypedQuestion<A>) => Promise<A>

  /**
   * A URL that answers the question of that name and key, once, for a third party without an API key. It is made before the question is
   * posed. See `Interrupts.callback`.
   */
  readonly callback: (name: string, options?: Interrupts.CallbackOptions) => Promise<Interrupts.Callback>

  /** What the user grants to the run by signing in with a third party. See `Interrupts.connect`. */
  readonly connect: (name: string, options: Interrupts.ConnectOptions) => Promise<Interrupts.Grant>
}

type Context = StepLog | Emit.Emit | Leases

const attempted = <A>(body: (signal: AbortSignal) => PromiseLike<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: body, catch: (error) => error })

const isPromise = <A>(value: PromiseLike<A> | A): value is PromiseLike<A> => Predicate.isPromiseLike(value)

/**
 * The body of a transaction, whose result may be there at once. An interruption waits until it has settled: what it does after the end of its
 * transaction would be outside of it.
 */
const settled = <A>(body: (signal: AbortSignal) => PromiseLike<A> | A): Effect.Effect<A, unknown> =>
  Effect.suspend(() => {
    const controller = new AbortController()
    const result = body(controller.signal)
    if (!isPromise(result)) return Effect.succeed(result)
    return Effect.async<A, unknown>((resume) => {
      const ended = result.then(
        (value) => resume(Effect.succeed(value)),
        (error: unknown) => resume(Effect.fail(error)),
      )
      return Effect.promise(() => {
        controller.abort()
        return Promise.resolve(ended)
      })
    })
  }).pipe(Effect.catchAllDefect(Effect.fail))

/** An error that ends the attempt, whatever the program makes of the rejection that it gets. */
const isOfTheAttempt = (error: unknown): boolean => isStepError(error) || isFailure(error)

/**
 * Runs a program with the steps of the attempt, and returns its result. The signal is aborted when the attempt ends early.
 *
 * Fails: with what the program rejects with. It also fails with a `StepError`, and with an `ExecutorError` of a body, such as
 * `Executor.retryableError`, where the program catches the rejection: a framework would show it to its model.
 */
export const run = <A>(
  program: (steps: PromiseSteps, signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, unknown, Context> =>
  Effect.scoped(
    Effect.gen(function* () {
      const failed = yield* Deferred.make<never, unknown>()
      // The Scope of the attempt interrupts what the program has left running.
      const promiseOf = yield* FiberSet.makeRuntimePromise<Context>()
      const give = <B>(effect: Effect.Effect<B, unknown, Context>): Promise<B> => {
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
      const steps: PromiseSteps = {
        step: <B>(
          name: string,
          body: (signal: AbortSignal) => PromiseLike<B>,
          ...options: Step.OptionsOf<B, Step.Options<B, unknown>>
        ) => give(Step.run<B, unknown, never>(name, attempted(body), ...options)),
        transaction: <Tx, B>(
          name: string,
          database: Database<Tx>,
          body: (transaction: Tx, signal: AbortSignal) => PromiseLike<B> | B,
          ...options: Step.OptionsOf<B, Step.Transactional<B, unknown>>
        ) =>
          give(
            Step.transactionIn<Tx, B, unknown, never>(
              name,
              database,
              (transaction) => settled((signal) => body(transaction, signal)),
              ...options,
            ),
          ),
        approve: ((name: string, question: Interrupts.Question) =>
          give<unknown>(Interrupts.approve(name, question))) as PromiseSteps["approve"],
        decide: ((name: string, question: Interrupts.Question) =>
          give<unknown>(Interrupts.decide(name, question))) as PromiseSteps["decide"],
        ask: (name, question) => give(Interrupts.ask(name, question)),
        callback: (name, options) => give(Interrupts.callback(name, options)),
        connect: (name, options) => give(Interrupts.connect(name, options)),
      }
      return yield* Effect.raceFirst(
        attempted((signal) => program(steps, signal)),
        Deferred.await(failed),
      )
    }),
  )
