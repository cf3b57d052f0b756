/** What a function returns for a run, as the events of an executor. */
import { Chunk, type Effect, ParseResult, Predicate, Schema, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import type { ClaimedRun } from "../model/Run.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import { AwaitAnswers, ExecutorError, type ExecutorFailure } from "./ExecutorError.js"
import { isStepError } from "./StepError.js"

/** What a function may give for a run: some text, some events, or nothing. */
export type Output = string | AgentEvent.AgentEvent | ReadonlyArray<AgentEvent.AgentEvent> | void

/**
 * What a function may return for a run: an Effect, which may emit while it works (see `Emit`), a Stream, or an async
 * iterable such as an async generator's.
 */
export type Source<E = unknown, R = unknown> =
  | Effect.Effect<Output, E, R>
  | Stream.Stream<string | AgentEvent.AgentEvent, E, R>
  | AsyncIterable<string | AgentEvent.AgentEvent>

/**
 * The id of the message that this execution writes: the run's own at its first claim, another at each later one,
 * whether an attempt failed, was handed back or waited before it, so that their halves are not read as one message.
 */
export const messageIdOf = (run: ClaimedRun): string => {
  const claim = run.leaseEpoch ?? run.attempt
  return claim <= 1 ? run.messageId : `${run.messageId}-${claim}`
}

const isAlike = Schema.is(
  Schema.Union(Schema.Struct(ExecutorError.fields), Schema.Struct(AwaitAnswers.fields)),
)

/** By what it is, not by its class: a module that a program loads may have its own copy of these classes. */
export const isFailure = (error: unknown): error is ExecutorFailure => isAlike(error)

/** Any error as an executor's failure: its `_tag` or name is the code, and it is not retryable. Of a value that does not fit a schema it says where. */
export const toFailure = (error: unknown): ExecutorFailure => {
  if (isFailure(error)) return error
  if (isStepError(error)) {
    const { code, message, retryable } = error
    return new ExecutorError({ code, message, retryable, cause: error })
  }
  if (ParseResult.isParseError(error)) {
    return new ExecutorError({
      code: error._tag,
      message: SchemaProblem.describe(error),
      cause: SchemaProblem.withoutValues(error),
    })
  }
  const tag = Predicate.hasProperty(error, "_tag") ? error._tag : undefined
  const message =
    Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
      ? error.message
      : String(error)
  return new ExecutorError({
    code: typeof tag === "string" ? tag : error instanceof Error ? error.name : "executor_error",
    message,
    cause: error,
  })
}

/** Output as events: strings that follow each other become one assistant message, which is closed before an event. */
export interface OutputEvents {
  /** The events of further output. */
  readonly next: <E extends AgentEvent.LogEvent>(
    output: string | E | ReadonlyArray<string | E> | void,
  ) => ReadonlyArray<E | AgentEvent.AgentEvent>

  /** The events of the last output, which close the message that is open. */
  readonly last: (output: Output) => ReadonlyArray<AgentEvent.AgentEvent>
}

/** Makes the events of one execution, which has written nothing yet. */
export const makeEvents = (run: ClaimedRun): OutputEvents => {
  let count = 0
  let open: string | undefined

  const close = (): ReadonlyArray<AgentEvent.AgentEvent> => {
    const events = open === undefined ? [] : [AgentEvent.textEnd(open)]
    open = undefined
    return events
  }
  const eventsOf = <E extends AgentEvent.LogEvent>(
    output: string | E,
  ): ReadonlyArray<E | AgentEvent.AgentEvent> => {
    if (typeof output !== "string") return open === undefined ? [output] : [...close(), output]
    if (output === "") return []
    if (open !== undefined) return [AgentEvent.textContent(open, output)]
    const base = messageIdOf(run)
    open = count === 0 ? base : `${base}.${count}`
    count += 1
    return [AgentEvent.textStart(open), AgentEvent.textContent(open, output)]
  }
  const next: OutputEvents["next"] = <E extends AgentEvent.LogEvent>(
    output: string | E | ReadonlyArray<string | E> | void,
  ) => {
    if (output === undefined) return []
    return Array.isArray(output) ? output.flatMap(eventsOf<E>) : eventsOf(output as string | E)
  }
  return { next, last: (output) => [...next<AgentEvent.AgentEvent>(output), ...close()] }
}

/** A Stream or an async iterable as a Stream whose errors are failures of an executor. */
export const ofStream = <E, R>(
  source: Exclude<Source<E, R>, Effect.Effect<Output, E, R>>,
  failureOf: (error: unknown) => ExecutorFailure = toFailure,
): Stream.Stream<string | AgentEvent.AgentEvent, ExecutorFailure, R> =>
  Stream.mapError(isStream(source) ? source : Stream.fromAsyncIterable(source, (error) => error), failureOf)

/** The events of a Stream of text and events. */
export const eventsOf = <E, R>(
  run: ClaimedRun,
  output: Stream.Stream<string | AgentEvent.LogEvent, E, R>,
): Stream.Stream<AgentEvent.LogEvent, E, R> =>
  Stream.suspend(() => {
    const events = makeEvents(run)
    return output.pipe(
      Stream.mapChunks(Chunk.flatMap((piece) => Chunk.unsafeFromArray([...events.next(piece)]))),
      Stream.concat(Stream.suspend(() => Stream.fromIterable(events.last(undefined)))),
    )
  })

const isStream = <E, R>(
  source: Source<E, R>,
): source is Stream.Stream<string | AgentEvent.AgentEvent, E, R> =>
  Predicate.hasProperty(source, Stream.StreamTypeId)
