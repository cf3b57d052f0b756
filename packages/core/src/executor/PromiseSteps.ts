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
import { Context, Effect, Predicate } from "effect"
import type { AgentEvent } from "../model/AgentEvent.js"
import type { Leases } from "../ports/Leases.js"
import * as Emit from "./Emit.js"
import * as Interrupts from "./Interrupts.js"
import * as PromiseFibers from "./PromiseFibers.js"
import * as Step from "./Step.js"
import type { Database } from "./StepDatabase.js"
import type { StepLog } from "./StepLog.js"

export interface PromiseSteps {
  /**
   * The result of `body`, from the log where an earlier attempt has recorded it. It rejects as `body` does. Its signal is aborted when
   * the attempt ends early. What `body` emits, by its second argument, is in the log once. See `Step.run`.
   */
  readonly step: <A>(
    name: string,
    body: (signal: AbortSignal, inside: StepBody) => PromiseLike<A>,
    ...options: Step.OptionsOf<A, Step.Options<A, unknown>>
  ) => Promise<A>

  /**
   * As `step`, but `body` runs at most once, whatever dies. Where an earlier attempt has begun it and recorded no result, `onUncertain` finds
   * out what became of it, or the attempt fails with `step_uncertain`. See `Step.atMostOnce`.
   */
  readonly atMostOnce: <A>(
    name: string,
    body: (signal: AbortSignal, inside: StepBody) => PromiseLike<A>,
    ...options: Step.OptionsOf<A, AtMostOnce<A>>
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

  /** Shows text or events as they come. It waits while the log takes no more. See `Emit`. */
  readonly emit: (output: string | AgentEvent | ReadonlyArray<AgentEvent>) => Promise<void>
}

/** The steps within the body of a step. */
export interface StepBody extends PromiseSteps {
  /** For a service that knows such keys: the same in each attempt, and for no other step. 64 hex digits. */
  readonly idempotencyKey: string

  /** Shows events together with the record of the step, so they are in the log once, and not without it. */
  readonly emitLast: (events: ReadonlyArray<AgentEvent>) => void
}

export interface AtMostOnce<A> extends Step.Recording<A, unknown> {
  readonly onUncertain?: ((signal: AbortSignal, inside: StepBody) => PromiseLike<A>) | undefined
}

/** What the steps of promises need of an attempt. */
export type Needs = StepLog | Emit.Emit | Leases

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

/** Runs the body of a step with the steps within it, which are of the same attempt. */
const within = <A>(
  give: PromiseFibers.Give<Needs>,
  last: Array<AgentEvent>,
  body: (signal: AbortSignal, inside: StepBody) => PromiseLike<A>,
): Effect.Effect<A, unknown, Needs | Step.CurrentStep> =>
  Effect.contextWithEffect((context: Context.Context<Needs | Step.CurrentStep>) => {
    const inside: StepBody = {
      ...make((effect) => give(Effect.provide(effect, context))),
      get idempotencyKey() {
        return Context.get(context, Step.CurrentStep).idempotencyKey
      },
      emitLast: (events) => void last.push(...events),
    }
    return PromiseFibers.attempted((signal) => body(signal, inside))
  })

/** Steps whose effects `give` runs. */
export const make = (give: PromiseFibers.Give<Needs>): PromiseSteps => ({
  step: <A>(
    name: string,
    body: (signal: AbortSignal, inside: StepBody) => PromiseLike<A>,
    ...[options]: Step.OptionsOf<A, Step.Options<A, unknown>>
  ) => {
    const last: Array<AgentEvent> = []
    const recording: unknown = [{ ...options, last }]
    return give(
      Step.run<A, unknown, Needs | Step.CurrentStep>(
        name,
        within(give, last, body),
        ...(recording as Step.OptionsOf<A, Step.Options<A, unknown>>),
      ),
    )
  },
  atMostOnce: <A>(
    name: string,
    body: (signal: AbortSignal, inside: StepBody) => PromiseLike<A>,
    ...[options]: Step.OptionsOf<A, AtMostOnce<A>>
  ) => {
    const last: Array<AgentEvent> = []
    const { onUncertain, ...codecs } = (options ?? {}) as AtMostOnce<A>
    const finding = onUncertain === undefined ? {} : { onUncertain: within(give, last, onUncertain) }
    const recording: unknown = [{ ...codecs, ...finding, last }]
    return give(
      Step.atMostOnce<A, unknown, Needs | Step.CurrentStep>(
        name,
        within(give, last, body),
        ...(recording as Step.OptionsOf<A, Step.AtMostOnce<A, unknown, Needs | Step.CurrentStep>>),
      ),
    )
  },
  transaction: <Tx, A>(
    name: string,
    database: Database<Tx>,
    body: (transaction: Tx, signal: AbortSignal) => PromiseLike<A> | A,
    ...options: Step.OptionsOf<A, Step.Transactional<A, unknown>>
  ) =>
    give(
      Step.transactionIn<Tx, A, unknown, never>(
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
  emit: (output) => give(Effect.flatMap(Emit.Emit, ({ emit }) => emit(output))),
})

/**
 * Runs a program with the steps of the attempt, and returns its result. The signal is aborted when the attempt ends early.
 *
 * Fails: with what the program rejects with. It also fails with a `StepError`, and with an `ExecutorError` of a body, such as
 * `Executor.retryableError`, where the program catches the rejection: a framework would show it to its model.
 */
export const run = <A>(
  program: (steps: PromiseSteps, signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, unknown, Needs> =>
  PromiseFibers.run<Needs, A>((give, signal) => program(make(give), signal))
