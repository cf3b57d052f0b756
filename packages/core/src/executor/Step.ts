/**
 * Steps: work of a run whose result is recorded in its log, so that a later attempt does not do it again.
 *
 * ```ts
 * Executor.from((run) =>
 *   Effect.gen(function* () {
 *     const pages = yield* Step.run("search", search(run))
 *     const notes = yield* Effect.forEach(pages, (page) => Step.run("read", read(page), { key: page.url }))
 *     return yield* Step.run("write", write(notes))
 *   }),
 * )
 * ```
 *
 * Its enclosing step, its name and its key identify a step. A loop sets a key for each of its rounds. Code outside of steps
 * runs again in each attempt.
 *
 * Source: docs/decisions/0057-steps.md
 */
import {
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Either,
  Option,
  Predicate,
  type Schedule,
  Schema,
  Stream,
} from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import type { IsJson } from "../model/IsJson.js"
import * as OpenedItems from "../model/OpenedItems.js"
import { intentEventName, sleepEventName } from "../model/StepRecord.js"
import type { StepFailure } from "../model/agui/Events.js"
import { maxPause } from "../ports/Leases.js"
import { Result } from "./AgentResult.js"
import { type Closed, CurrentStep, currentStep, type Keyed, take, traced } from "./CurrentStep.js"
import * as Emit from "./Emit.js"
import { StepCodec } from "./StepCodec.js"
import { type Database, StepDatabase } from "./StepDatabase.js"
import { isStepError, type StepError } from "./StepError.js"
import type { AttemptSteps, StepLog } from "./StepLog.js"
import {
  type AttemptStep,
  type Codec,
  type Codecs,
  failed,
  type IssuedEvents,
  notIssued,
  readRow,
  recordOf,
  replayed,
  type Replaying,
  rowOf,
  write,
} from "./StepRecording.js"

// What the log says of a step that fails: readers show it as failed. Its record is another event, and only a failure with a schema has one.
//
// Source: docs/decisions/0057-steps.md

/** The longest message, in UTF-16 units: an event has it in addition to the error of the run. */
const maxMessage = 1000

const fieldOf = (error: unknown, name: "code" | "message" | "_tag"): string | undefined => {
  const value = Predicate.isRecord(error) ? error[name] : undefined
  return Predicate.isString(value) && value !== "" ? value : undefined
}

/** A failure that is no error, such as a text, is a value of the program, and the log has it in its record alone. */
const shown = (error: unknown): StepFailure => {
  const code = fieldOf(error, "code") ?? fieldOf(error, "_tag")
  const message = fieldOf(error, "message") ?? code
  if (message === undefined) return {}
  return {
    message: message.length <= maxMessage ? message : `${message.slice(0, maxMessage)}…`,
    ...(code === undefined ? {} : { code }),
  }
}

/**
 * The failure of a step, which the end of the step says; none where the step was interrupted or waits for answers. A program that seals its
 * results has no message in the log.
 */
const failureOf = (cause: Cause.Cause<unknown>): Effect.Effect<StepFailure | undefined> =>
  Effect.suspend(() => {
    if (Cause.isInterruptedOnly(cause)) return Effect.succeed(undefined)
    const error = Cause.squash(cause)
    if (Predicate.isTagged(error, "AwaitAnswers")) return Effect.succeed(undefined)
    return Effect.map(StepCodec, (codec) => (codec === undefined ? shown(error) : {}))
  })

// Runs the body of a step, and records its result.

/**
 * `shown`: whether the log says when the step begins and ends. `closed`: why the body has no steps in it; absent where it may. `last`: events
 * that enter the log together with the record, which the body may still add to.
 */
interface RecordedOptions<A, E> extends Codecs<A, E> {
  readonly closed?: Closed | undefined
  readonly shown: boolean
  readonly last?: ReadonlyArray<AgentEvent.AgentEvent> | undefined
}

/** The body of a step, whose result is recorded, or its failure where that has a schema. */
export const recorded = <A, E, R>(
  step: AttemptStep,
  body: Effect.Effect<A, E, R>,
  options: RecordedOptions<A, E>,
): Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit.Emit> =>
  // Each provision of services costs a separate region, so there is one.
  Effect.contextWithEffect((context: Context.Context<Exclude<R, CurrentStep> | Emit.Emit>) => {
    const { closed, last = [], shown } = options
    const outer = Context.get(context, Emit.Emit)
    const opened = OpenedItems.make()
    const end = <B, E2>(
      { committed, events }: IssuedEvents,
      returned: Effect.Effect<B, E2>,
      error?: AgentEvent.StepFailure,
    ): Effect.Effect<B, E2> => {
      const finished = !shown
        ? []
        : error === undefined
          ? [AgentEvent.stepFinished(step.shownAs)]
          : [AgentEvent.stepFailed(step.shownAs, error)]
      const before = events.length === 0 ? finished : [...last, ...finished]
      return Effect.zipRight(outer.emit([...before, ...events]), Effect.zipRight(committed, returned))
    }
    const fail = <E2>(
      cause: Cause.Cause<E2>,
      issued = notIssued,
      returned: Effect.Effect<never, E2> = Effect.failCause(cause),
    ): Effect.Effect<never, E2> => Effect.flatMap(failureOf(cause), (error) => end(issued, returned, error))
    const record = (outcome: Either.Either<A, E>) =>
      Effect.catchAllCause(recordOf(step, outcome, options, opened), (cause) => fail(cause))
    const inside = context.pipe(
      Context.add(CurrentStep, currentStep(step, closed)),
      Context.add(
        Emit.Emit,
        Emit.observed(outer, (events) => events.forEach(opened.observe)),
      ),
    )
    const working = Effect.mapInputContext<A, E, R, Exclude<R, CurrentStep> | Emit.Emit>(
      body,
      () => inside as Context.Context<R>,
    )
    return Effect.matchCauseEffect(
      shown ? Effect.zipRight(outer.emit(AgentEvent.stepStarted(step.shownAs)), working) : working,
      {
        onSuccess: (value) =>
          Effect.flatMap(record(Either.right(value)), ({ returned, issued }) => end(issued, returned)),
        onFailure: (cause): Effect.Effect<never, E | StepError> =>
          Option.match(Cause.failureOption(cause), {
            onNone: () => fail(cause),
            onSome: (error) =>
              Effect.flatMap(record(Either.left(error)), ({ returned, issued }) =>
                issued !== notIssued && Either.isLeft(returned)
                  ? fail(cause, issued, Effect.fail(returned.left))
                  : fail(cause, issued),
              ),
          }),
      },
    )
  })

/** A Stream as the body of a step. */
type Piece = string | AgentEvent.AgentEvent | Result<unknown>

/** What the step returns: the value of the result where the Stream may have one, else the text. */
export type ValueOf<P> = [Extract<P, Result<unknown>>] extends [never]
  ? string
  : Extract<P, Result<unknown>>["value"]

const isText = AgentEvent.is("TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK")

/** Emits the text and the events as they come, and returns the value. */
const collected = <P extends Piece, E, R>(
  body: Stream.Stream<P, E, R>,
): Effect.Effect<ValueOf<P>, E, R | Emit.Emit> =>
  Effect.flatMap(Emit.Emit, ({ emit }) => {
    let value: { readonly of: unknown } | undefined
    let text = ""
    const outputOf = (piece: Piece): string | ReadonlyArray<AgentEvent.AgentEvent> => {
      if (piece instanceof Result) {
        value = { of: piece.value }
        return []
      }
      if (Predicate.isString(piece)) {
        text += piece
        return piece
      }
      if (isText(piece)) text += piece.delta ?? ""
      return [piece]
    }
    return Effect.map(
      Stream.runForEach(body, (piece) => emit(outputOf(piece))),
      () => (value === undefined ? text : value.of) as ValueOf<P>,
    )
  })

export { StepError } from "./StepError.js"

export { CurrentStep, type Keyed, take } from "./CurrentStep.js"

/**
 * `schema` encodes the result, which is a value of JSON when it is absent. `failure` is the schema of failures that are recorded:
 * a later attempt fails with them and does not try again. Other failures are not recorded.
 */
export interface Recording<A, E> extends Keyed, Codecs<A, E> {}

/** `retry` repeats the body within the step. */
export interface Options<A, E> extends Keyed, Replaying<A, E> {
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
}

/** An effect that may use steps, without the services that come with the step and the run. */
export type Durable<A, E, R> = Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit.Emit | StepLog>

/** The options of a step. A result that JSON changes, such as a `Date`, needs a schema: a later attempt gets what JSON decodes to. */
export type OptionsOf<A, Options extends { readonly schema?: Codec<A> | undefined }> =
  IsJson<A> extends true ? [options?: Options] : [options: Options & { readonly schema: Codec<A> }]

/** What an earlier attempt has recorded, else the effect, with the step in flight. */
const unlessReplayed = <A, E, E2, R>(
  step: AttemptStep,
  codecs: Replaying<A, E>,
  effect: Effect.Effect<A, E2, R>,
): Effect.Effect<A, E | E2 | StepError, R> =>
  Effect.flatMap(
    replayed(step, codecs),
    Option.match({
      onNone: () => step.attempt.inFlight(step, traced(step, effect)),
      onSome: Effect.succeed,
    }),
  )

/**
 * Runs the body once and records its result; a later attempt gets the result from the log. It ends once the record is in the
 * log. An attempt that dies before that leaves no record, and the next one runs the body again: a service that must not be called
 * twice gets `CurrentStep`'s `idempotencyKey`, or see `atMostOnce`.
 *
 * Fails: as the body does, and with `StepError`.
 *
 * Units: 8 MiB of results as JSON and 10,000 steps a run.
 */
export const run = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  ...[options = {}]: OptionsOf<A, Options<A, E>>
): Durable<A, E, R> => runWith(name, body, options)

const runWith = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  options: Options<A, E>,
): Durable<A, E, R> =>
  Effect.flatMap(take(name, options), (step) => {
    const { retry } = options
    return unlessReplayed(
      step,
      options,
      recorded(step, retry === undefined ? body : Effect.retry(body, retry), {
        ...options,
        shown: true,
      }),
    )
  })

/**
 * The text and the events of a stream, once: they go to the log as they come, and the text, or the value of an `Agent.result` at the
 * end, is recorded. A later attempt gets that from the log, and the stream does not run.
 *
 * ```ts
 * const draft = yield* Step.stream("draft", model.draft(prompt))
 * ```
 *
 * Fails: as the stream does, and with `StepError`.
 *
 * Units: as `run`.
 */
export const stream = <P extends Piece, E, R>(
  name: string,
  body: Stream.Stream<P, E, R>,
  ...[options = {}]: OptionsOf<ValueOf<P>, Options<ValueOf<P>, E>>
): Durable<ValueOf<P>, E, R | Emit.Emit> => runWith(name, collected(body), options)

/** `onUncertain` finds out what an earlier attempt has done, which has begun the body and recorded no result. */
export interface AtMostOnce<A, E, R> extends Recording<A, E> {
  readonly onUncertain?: Effect.Effect<A, E, R> | undefined
}

/**
 * Runs the body at most once, whatever dies. The log says that it is about to run before it does. An attempt that finds this
 * and no result does not run it: it fails with reason `uncertain`, or records what `onUncertain` finds out. A worker that drains lets
 * a body finish that has begun, up to `interruptGrace`, and records its result.
 *
 * The body has no steps in it.
 *
 * Fails: as the body does, and with `StepError`.
 */
export const atMostOnce = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  ...[options = {}]: OptionsOf<A, AtMostOnce<A, E, R>>
): Durable<A, E, R> =>
  Effect.flatMap(take(name, options), (step) => {
    const once = (effect: Effect.Effect<A, E, R>) =>
      recorded(step, effect, { ...options, closed: "atMostOnce", shown: true })
    const { onUncertain } = options
    // A drain waits for the body and its record. Once it has begun, no body begins.
    const begin = Effect.acquireUseRelease(
      Effect.interruptible(step.attempt.drainHold.enter),
      () => Effect.zipRight(write(step, intentEventName, {}), once(body)),
      (leave) => Effect.sync(leave),
    )
    const outcome =
      step.recorded?.intent !== true
        ? begin
        : onUncertain === undefined
          ? failed(name, "uncertain", `Step ${name} was begun by an earlier attempt, and may have happened`)
          : once(onUncertain)
    return unlessReplayed(step, options, outcome)
  })

/**
 * `schema`, `failure`: as those of `run`; `failure` may be the schema of some of the failures, without those of the database. `retry` repeats
 * the body within the step, each time in a new transaction.
 */
export interface Transactional<A, E> extends Keyed {
  readonly schema?: Codec<A> | undefined
  readonly failure?: (Schema.Schema.AnyNoContext & { readonly Type: E }) | undefined
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
}

/** A schema for failures of the body. That the database cannot be reached is none of them, whatever the schema accepts. */
const ofBody = <E>(failure: Transactional<unknown, E>["failure"]): Codec<E | StepError> | undefined =>
  failure === undefined
    ? undefined
    : (Schema.asSchema(failure).pipe(Schema.filter((error) => !isStepError(error))) as Codec<E | StepError>)

/** What the row of the step says, which is written with what `body` writes where the step has none. */
const committed = <Tx, A, E, R>(
  step: AttemptStep,
  database: Database<Tx>,
  body: (transaction: Tx) => Effect.Effect<A, E, R>,
  codecs: Codecs<A, E | StepError>,
  retry: Schedule.Schedule<unknown, E> | undefined,
): Effect.Effect<A, E | StepError, R> => {
  const { attempt, id, name } = step
  const key = { runId: attempt.runId, stepId: id, name }
  const isOfBody = (error: E | StepError): error is E => !isStepError(error)
  const once: Effect.Effect<string, E | StepError, R> = database.once(key, (transaction) =>
    Effect.flatMap(body(transaction), (value) =>
      Effect.map(rowOf(step, Either.right(value), codecs), (text = "{}") => text),
    ),
  )
  const repeated =
    retry === undefined
      ? once
      : Effect.retry(once, {
          schedule: retry as Schedule.Schedule<unknown, E | StepError>,
          while: isOfBody,
        })
  const failing = (error: E | StepError): Effect.Effect<string, E | StepError> =>
    Effect.flatMap(rowOf(step, Either.left(error), codecs), (text) =>
      text === undefined ? Effect.fail(error) : database.once(key, () => Effect.succeed(text)),
    )
  return repeated.pipe(
    Effect.catchAll(failing),
    Effect.flatMap((text) => readRow(step, codecs, text)),
  )
}

/** `transaction` in a database whose transactions the body gets, such as one of `@runlease/sql/StepDatabases`. */
export const transactionIn = <Tx, A, E, R>(
  name: string,
  database: Database<Tx>,
  body: (transaction: Tx) => Effect.Effect<A, E, R>,
  ...[options = {}]: OptionsOf<A, Transactional<A, E>>
): Durable<A, E, R> =>
  Effect.flatMap(take(name, options), (step) => {
    const codecs = { schema: options.schema, failure: ofBody(options.failure) }
    return unlessReplayed(
      step,
      codecs,
      recorded(step, committed(step, database, body, codecs, options.retry), {
        ...codecs,
        closed: "transaction",
        shown: true,
      }),
    )
  })

/**
 * Runs the body in a transaction of the user's database, once, whatever dies: what it writes there is committed together with its result,
 * as a row of the table `runlease_steps`. A later attempt finds the row and does not run the body. Of two attempts at the same
 * time, the second waits for the first one and gets its result. Then the result is recorded in the log as that of `run` is.
 *
 * ```ts
 * const balance = yield* Step.transaction("pay", pay(order))
 * ```
 *
 * A body that fails is rolled back. Where `failure` has a schema for it, that failure has a row too.
 *
 * The body has no steps in it. It may run again after a rollback, so it does nothing else than read and write in that database.
 *
 * Fails: as the body does, and with `StepError`; of reason `unavailable` where the database cannot be reached.
 *
 * Units: as `run`.
 *
 * Source: docs/decisions/0139-steps-in-a-transaction.md
 */
export const transaction = <A, E, R>(
  name: string,
  body: Effect.Effect<A, E, R>,
  ...options: OptionsOf<A, Transactional<A, E>>
): Effect.Effect<A, E | StepError, Exclude<R, CurrentStep> | Emit.Emit | StepLog | StepDatabase> =>
  Effect.flatMap(StepDatabase, (database) => transactionIn(name, database, () => body, ...options))

/** Emits events once, whatever dies; `Emit.event` emits them in each attempt. */
export const emit = (
  name: string,
  events: ReadonlyArray<AgentEvent.AgentEvent>,
  options: Keyed = {},
): Durable<void, never, never> =>
  Effect.flatMap(take(name, options), (step) =>
    unlessReplayed(step, {}, recorded(step, Emit.events(events), { shown: false })),
  )

const sleeping = (
  name: string,
  options: Keyed,
  fields: { readonly duration_ms: number } | { readonly until: string },
  whole: (attempt: AttemptSteps) => Effect.Effect<Duration.Duration>,
): Durable<void, never, never> =>
  Effect.gen(function* () {
    const step = yield* take(name, options)
    const { attempt, recorded, within } = step
    const wakesAt = recorded?.wakesAt
    const left = yield* wakesAt === undefined ? whole(attempt) : attempt.until(wakesAt)
    if (Duration.greaterThan(left, maxPause)) {
      return yield* failed(
        name,
        "too_long",
        `Step ${name} sleeps for more than ${Duration.toDays(maxPause)} days`,
      )
    }
    if (wakesAt === undefined) yield* attempt.inFlight(step, write(step, sleepEventName, fields))
    if (Duration.greaterThan(left, Duration.zero))
      yield* attempt.park(within, { duration: left }, Effect.sleep(left))
  })

/**
 * Sleeps, once: a later attempt sleeps what is left, by the store's clock, whatever duration the program says by then.
 *
 * Where nothing else of the run is in flight, the run is suspended meanwhile. It then holds no slot, no lease and no worker, and the
 * executor runs again from its beginning when the time has come. A sleep that ends within half a lease stays in the worker.
 *
 * Units: up to 3,650 days.
 */
export const sleep = (
  name: string,
  duration: Duration.DurationInput,
  options: Keyed = {},
): Durable<void, never, never> =>
  Effect.suspend(() => {
    const whole = Duration.decode(duration)
    return sleeping(name, options, { duration_ms: Duration.toMillis(whole) }, () => Effect.succeed(whole))
  })

/**
 * Sleeps until an instant of the store's clock, as `sleep` does. The instant that was recorded first counts.
 *
 * Units: up to 3,650 days from now.
 */
export const sleepUntil = (
  name: string,
  instant: DateTime.Utc,
  options: Keyed = {},
): Durable<void, never, never> =>
  sleeping(name, options, { until: DateTime.formatIso(instant) }, ({ until }) => until(instant))
