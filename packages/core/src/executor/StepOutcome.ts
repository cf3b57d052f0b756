/**
 * How a step ends: what is written of it, and what a later attempt reads.
 *
 * @since 0.1.0
 */
import { Cause, Effect, Either, Option, type ParseResult, Schema } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as Emit from "./Emit.js"
import { StepCodec } from "./StepCodec.js"
import { StepError } from "./StepError.js"
import type { AttemptSteps, IssuedRecord, Recorded } from "./StepLog.js"
import { type Encoded, type RecordName, stepEventName } from "../model/StepRecord.js"

/**
 * A schema to a value of JSON.
 *
 * @since 0.1.0
 * @category models
 */
// oxlint-disable-next-line no-explicit-any -- a schema of an unknown encoded type is assignable to no other type
export type Codec<A> = Schema.Schema<A, any>

/**
 * How the outcome of a step is recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Codecs<A, E> {
  readonly schema?: Codec<A> | undefined
  readonly failure?: Codec<E> | undefined
}

/** The largest number of bytes of a result, as a string in JSON. */
const maxBytes = 240_000

/** The error of a step, with what to do about it. */
export const failed = (step: string, reason: StepError["reason"], message: string): StepError =>
  new StepError({ step, reason, message })

/** A step of this attempt, and what earlier attempts have recorded of it. */
export interface Taken {
  readonly attempt: AttemptSteps
  readonly id: string
  /** The id of the enclosing step. */
  readonly within: string | undefined
  readonly name: string
  readonly key: unknown
  /** Its name in the events STEP_STARTED and STEP_FINISHED: two open steps may not have the same. */
  readonly shownAs: string
  readonly recorded: Recorded | undefined
}

const encoded = <A>(schema: Codec<A> | undefined, value: A): Effect.Effect<string | undefined> =>
  Effect.map(
    Effect.orDie<unknown, ParseResult.ParseError, never>(
      schema === undefined ? Effect.succeed(value) : Schema.encode(schema)(value),
    ),
    (json) => JSON.stringify(json) as string | undefined,
  )

const parse = Schema.decodeUnknownEither(Schema.parseJson())

const decoded = <A>(schema: Codec<A> | undefined, text: string | undefined): Either.Either<A, string> =>
  Either.mapLeft(
    Either.flatMap(text === undefined ? Either.right(undefined) : parse(text), (json) =>
      schema === undefined ? Either.right(json as A) : Schema.decodeUnknownEither(schema)(json),
    ),
    ({ message }) => message,
  )

/** The text of a value as it is recorded, with the name of its codec. */
export const sealed = (text: string | undefined): Effect.Effect<Pick<Encoded, "codec" | "result">> =>
  Effect.flatMap(StepCodec, (codec): Effect.Effect<Pick<Encoded, "codec" | "result">> => {
    if (text === undefined) return Effect.succeed({})
    return codec === undefined
      ? Effect.succeed({ result: text })
      : Effect.map(codec.seal(text), (result) => ({ codec: codec.name, result }))
  })

/** The JSON text of a record, or why it cannot be had. */
export const opened = (name: string | undefined, text: string): Effect.Effect<string, string> =>
  Effect.flatMap(StepCodec, (codec): Effect.Effect<string, string> => {
    if (name === undefined) return Effect.succeed(text)
    return codec?.name === name
      ? Effect.mapError(codec.open(text), (error) => `its codec ${name} fails: ${String(error)}`)
      : Effect.fail(`it was sealed by the codec ${name}, and this program has ${codec?.name ?? "none"}`)
  })

/** The event of a record, which nothing has written yet. */
export const issue = (
  { attempt, id, key, name }: Taken,
  kind: RecordName,
  fields: Omit<Encoded, "step_id" | "record_id" | "name" | "key">,
): Effect.Effect<IssuedRecord, StepError> =>
  Effect.suspend(() => {
    const text = fields.result ?? fields.failure ?? ""
    // A character takes six bytes at most.
    if (text.length * 6 > maxBytes && new TextEncoder().encode(JSON.stringify(text)).length > maxBytes) {
      return failed(name, "too_large", `The result of step ${name} is over ${maxBytes} bytes of JSON`)
    }
    return attempt.issue(kind, {
      step_id: id,
      name,
      ...(key === undefined ? {} : { key }),
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
    })
  })

/** Writes a record, and waits until it is in the log. */
export const write = (
  taken: Taken,
  kind: RecordName,
  fields: Omit<Encoded, "step_id" | "record_id" | "name" | "key">,
  before: ReadonlyArray<AgentEvent.AgentEvent> = [],
): Effect.Effect<void, StepError, Emit.Emit> =>
  Effect.gen(function* () {
    const record = yield* issue(taken, kind, fields)
    yield* Effect.forEach([...before, record.event], Emit.event, { discard: true })
    yield* taken.attempt.committed(record.id)
  })

/** Runs the body of a step, and records its result, or its failure where that has a schema. */
export const record = <A, E, R>(
  taken: Taken,
  body: Effect.Effect<A, E, R>,
  { failure, schema }: Codecs<A, E>,
  shown: boolean,
): Effect.Effect<A, E | StepError, R | Emit.Emit> => {
  const replaces = taken.recorded?.done?.record_id
  const finished = shown ? [AgentEvent.stepFinished(taken.shownAs)] : []
  const isRecorded = failure === undefined ? () => false : Schema.is(failure)
  return Effect.matchCauseEffect(
    shown ? Effect.zipRight(Emit.event(AgentEvent.stepStarted(taken.shownAs)), body) : body,
    {
      onSuccess: (value) =>
        Effect.flatMap(Effect.flatMap(encoded(schema, value), sealed), (recorded) =>
          Effect.as(write(taken, stepEventName, { ...recorded, replaces }, finished), value),
        ),
      onFailure: (cause): Effect.Effect<never, E | StepError, Emit.Emit> => {
        const error = Option.getOrUndefined(Cause.failureOption(cause))
        const again = Effect.failCause(cause)
        return error !== undefined && isRecorded(error)
          ? Effect.flatMap(encoded(failure, error), (text = "null") =>
              Effect.flatMap(sealed(text), ({ codec, result }) =>
                Effect.zipRight(
                  write(taken, stepEventName, { codec, failure: result, replaces }, finished),
                  again,
                ),
              ),
            )
          : Effect.zipRight(Effect.forEach(finished, Emit.event, { discard: true }), again)
      },
    },
  )
}

/** What the record of a step says; none where the step has no record, or is to run again. */
export const replayed = <A, E>(
  { name, recorded }: Taken,
  { failure, schema, unreadable }: Codecs<A, E> & { readonly unreadable?: "rerun" | undefined },
): Effect.Effect<Option.Option<A>, E | StepError> => {
  const done = recorded?.done
  if (done === undefined) return Effect.succeedNone
  const outcome = (text: string | undefined): Either.Either<Effect.Effect<A, E>, string> => {
    if (done.failure === undefined) return Either.map(decoded(schema, text), Effect.succeed)
    return failure === undefined
      ? Either.left("it is a failure, and the step has no schema for failures")
      : Either.map(decoded(failure, text), Effect.fail)
  }
  const text = done.failure ?? done.result
  return (text === undefined ? Effect.succeed(undefined) : opened(done.codec, text)).pipe(
    Effect.flatMap(outcome),
    Effect.mapError((problem) =>
      failed(name, "unreadable", `The record of step ${name} cannot be read: ${problem}`),
    ),
    Effect.matchEffect({
      onFailure: (error) => (unreadable === "rerun" ? Effect.succeedNone : Effect.fail(error)),
      onSuccess: (found): Effect.Effect<Option.Option<A>, E> => Effect.asSome(found),
    }),
  )
}
