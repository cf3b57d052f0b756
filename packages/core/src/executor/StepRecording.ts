/** How a step ends: what is written of it, and what a later attempt reads. */
import { Effect, Either, Option, Schema } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as JsonText from "../model/JsonText.js"
import * as OpenedItems from "../model/OpenedItems.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import * as Emit from "./Emit.js"
import { StepCodec } from "./StepCodec.js"
import { StepError } from "./StepError.js"
import type { AttemptSteps, Recorded } from "./StepLog.js"
import { type Encoded, type RecordName, stepEventName, StepRecord } from "../model/StepRecord.js"

/** A schema to a value of JSON. */
// oxlint-disable-next-line no-explicit-any -- a schema of an unknown encoded type is assignable to no other type
export type Codec<A> = Schema.Schema<A, any>

/** How the outcome of a step is recorded. */
export interface Codecs<A, E> {
  readonly schema?: Codec<A> | undefined
  readonly failure?: Codec<E> | undefined
}

/**
 * `unreadable` says what to do with a record that does not fit the schema: the step fails when it is absent, and runs again with
 * `rerun`.
 */
export interface Replaying<A, E> extends Codecs<A, E> {
  readonly unreadable?: "rerun" | undefined
}

/** The largest number of bytes of a result in one event, as a string in JSON. */
const maxBytes = 240_000

/** The error of a step, with what to do about it. */
export const failed = (step: string, reason: StepError["reason"], message: string): StepError =>
  new StepError({ step, reason, message })

/** The error of a step of a run that has as many as it may have. */
export const tooMany = (step: string): StepError => failed(step, "too_many", "The run has 10,000 steps")

/** The error of a step with whose result those of the run are too large. */
const tooLarge = (step: string): StepError =>
  failed(step, "too_large", `With the result of step ${step} those of the run are over 8 MiB of JSON`)

/** A step of this attempt, and what earlier attempts have recorded of it. */
export interface AttemptStep {
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

/** The result of a step as JSON. A result that does not fit its schema is a defect of the program. */
const encoded = <A>(name: string, schema: Codec<A>, value: A): Effect.Effect<unknown> =>
  Effect.catchAll(Schema.encode(schema)(value), (error) =>
    Effect.dieMessage(`The result of step ${name} does not fit its schema: ${SchemaProblem.describe(error)}`),
  )

const parse = Schema.decodeUnknownEither(Schema.parseJson())

/** The value of JSON text, or what is wrong with it, without a part of it. */
export const parsed = (text: string): Either.Either<unknown, string> =>
  Either.mapLeft(parse(text), () => "it is not JSON")

const decoded = <A>(schema: Codec<A> | undefined, text: string | undefined): Either.Either<A, string> =>
  Either.flatMap(text === undefined ? Either.right(undefined) : parsed(text), (json) =>
    schema === undefined
      ? Either.right(json as A)
      : Either.mapLeft(Schema.decodeUnknownEither(schema)(json), SchemaProblem.describe),
  )

/** The text of a value as it is recorded, with the name of its codec. */
export const sealed = (text: string | undefined): Effect.Effect<Pick<Encoded, "codec" | "result">> =>
  Effect.flatMap(StepCodec, (codec): Effect.Effect<Pick<Encoded, "codec" | "result">> => {
    if (text === undefined) return Effect.succeed({})
    return codec === undefined
      ? Effect.succeed({ result: text })
      : Effect.map(codec.seal(text), (result) => ({ codec: codec.name, result }))
  })

/** The kind of an error. Its message may have the input of the codec. */
const kindOf = (error: unknown): string => (error instanceof Error ? error.name : "an error")

/** The JSON text of a record, or why it cannot be had. */
export const opened = (name: string | undefined, text: string): Effect.Effect<string, string> =>
  Effect.flatMap(StepCodec, (codec): Effect.Effect<string, string> => {
    if (name === undefined) return Effect.succeed(text)
    return codec?.name === name
      ? Effect.mapError(codec.open(text), (error) => `its codec ${name} fails with ${kindOf(error)}`)
      : Effect.fail(`it was sealed by the codec ${name}, and this program has ${codec?.name ?? "none"}`)
  })

/** The events of a record, and the wait until they are in the log. */
export interface IssuedEvents {
  readonly events: ReadonlyArray<AgentEvent.AgentEvent>
  readonly committed: Effect.Effect<void>
}

/** What a step without a record writes. */
export const notIssued: IssuedEvents = { events: [], committed: Effect.void }

/** A record, whose text is in several events where one cannot hold it. The last one has the ids, which then count only with the whole. */
export const issue = (
  { attempt, id, key, name }: AttemptStep,
  kind: RecordName,
  fields: Omit<Encoded, "step_id" | "record_id" | "name" | "key">,
): Effect.Effect<IssuedEvents, StepError> =>
  Effect.suspend(() => {
    const { codec, failure, messages, replaces, result, tool_calls, ...rest } = fields
    const present = (record: Partial<Encoded>) =>
      Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
    const text = result ?? failure
    const ids = present({ messages, tool_calls })
    const room = maxBytes - JSON.stringify(ids).length
    if (room < maxBytes / 2) return failed(name, "too_large", `Step ${name} opens too many messages`)
    if (text !== undefined && !attempt.reserve(JsonText.sizeOf(text))) return tooLarge(name)
    if (!attempt.mayRecord(id)) return tooMany(name)
    attempt.countStep(id)
    const common = { step_id: id, name, ...present({ key, codec, replaces, ...rest }) }
    const texts =
      text === undefined
        ? [{}]
        : JsonText.split(text, room).map((part) =>
            failure === undefined ? { result: part } : { failure: part },
          )
    const parts = texts.map((part, index) => ({
      ...common,
      ...part,
      ...(texts.length === 1 ? {} : { part: index + 1, parts: texts.length }),
      ...(index === texts.length - 1 ? ids : {}),
    }))
    return Effect.map(attempt.issueParts(kind, parts), (issued) => ({
      events: issued.events,
      committed: attempt.committed(issued.id),
    }))
  })

/** Writes a record without a result, and waits until it is in the log. */
export const write = (
  step: AttemptStep,
  kind: RecordName,
  fields: Omit<Encoded, "step_id" | "record_id" | "name" | "key">,
): Effect.Effect<void, StepError, Emit.Emit> =>
  Effect.flatMap(issue(step, kind, fields), ({ committed, events }) =>
    Effect.zipRight(Emit.events(events), committed),
  )

/** Whether JSON has the value as it is. */
const isPlain = (value: unknown): boolean =>
  value == null ||
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value))

/** The JSON text of a value. A function and undefined have none. */
const textOf = (json: unknown): string | undefined => JSON.stringify(json)

/** The result of a step as its record has it, and as each attempt reads it there. A schema that does not read what it writes is a defect. */
const written = <A>(
  { name }: AttemptStep,
  schema: Codec<A> | undefined,
  value: A,
): Effect.Effect<{ readonly text: string | undefined; readonly value: A }> => {
  if (schema === undefined) {
    const text = textOf(value)
    if (isPlain(value)) return Effect.succeed({ text, value })
    return Effect.succeed({ text, value: (text === undefined ? undefined : JSON.parse(text)) as A })
  }
  return Effect.flatMap(encoded(name, schema, value), (json) => {
    const text = textOf(json)
    return Either.match(decoded(schema, text), {
      onLeft: (problem) =>
        Effect.dieMessage(`The schema of step ${name} does not read what it has written: ${problem}`),
      onRight: (read) => Effect.succeed({ text, value: read }),
    })
  })
}

/** The record of a step, if it has one, and what the step returns: the same as later attempts get, which read the record. */
export interface Outcome<A, E> {
  readonly issued: IssuedEvents
  readonly returned: Either.Either<A, E>
}

/** How a step has ended, as its record says it, and what the step returns. */
interface Ended<A, E> {
  /** None of a failure for which there is no schema. */
  readonly fields: Pick<Encoded, "codec" | "result" | "failure"> | undefined
  readonly returned: Either.Either<A, E>
}

const endOf = <A, E>(
  step: AttemptStep,
  outcome: Either.Either<A, E>,
  { failure, schema }: Codecs<A, E>,
): Effect.Effect<Ended<A, E>> => {
  if (Either.isRight(outcome)) {
    return Effect.flatMap(written(step, schema, outcome.right), ({ text, value }) =>
      Effect.map(sealed(text), (fields) => ({ fields, returned: Either.right(value) })),
    )
  }
  if (failure === undefined || !Schema.is(failure)(outcome.left)) {
    return Effect.succeed({ fields: undefined, returned: outcome })
  }
  return Effect.flatMap(written(step, failure, outcome.left), ({ text = "null", value }) =>
    Effect.map(sealed(text), ({ codec, result }) => ({
      fields: { codec, failure: result },
      returned: Either.left(value),
    })),
  )
}

/** The record of the result of a step: none of a failure for which it has no schema. `opened` is what its events have opened. */
export const recordOf = <A, E>(
  step: AttemptStep,
  outcome: Either.Either<A, E>,
  codecs: Codecs<A, E>,
  opened: OpenedItems.OpenedItems,
): Effect.Effect<Outcome<A, E>, StepError> => {
  const { messages, tool_calls } = opened.ids()
  const common = {
    replaces: step.recorded?.done?.record_id,
    messages: messages.length === 0 ? undefined : messages,
    tool_calls: tool_calls.length === 0 ? undefined : tool_calls,
  }
  return Effect.flatMap(endOf(step, outcome, codecs), ({ fields, returned }) =>
    fields === undefined
      ? Effect.succeed({ issued: notIssued, returned })
      : Effect.map(issue(step, stepEventName, { ...fields, ...common }), (issued) => ({ issued, returned })),
  )
}

/** The row of a step in a transaction: how the step has ended, in the form of its record, with its name and key for people. */
const Row = Schema.parseJson(
  StepRecord.pipe(Schema.pick("name", "key", "codec", "result", "failure")).annotations({
    identifier: "StepRow",
  }),
)

const encodeRow = Schema.encodeSync(Row)
const decodeRow = Schema.decodeUnknownOption(Row)

/**
 * The text of the row of a step: none of a failure for which it has no schema. It fails where the log would refuse the record, so that nothing
 * is committed then.
 */
export const rowOf = <A, E>(
  step: AttemptStep,
  outcome: Either.Either<A, E>,
  codecs: Codecs<A, E>,
): Effect.Effect<string | undefined, StepError> =>
  Effect.flatMap(endOf(step, outcome, codecs), ({ fields }) => {
    if (fields === undefined) return Effect.succeed(undefined)
    const { attempt, key, name } = step
    const text = fields.result ?? fields.failure
    return text === undefined || attempt.hasRoom(JsonText.sizeOf(text))
      ? Effect.succeed(encodeRow({ name, ...(key === undefined ? {} : { key }), ...fields }))
      : tooLarge(name)
  })

/** What the step returns by the text of its row. */
export const readRow = <A, E>(
  { name }: AttemptStep,
  codecs: Codecs<A, E>,
  text: string,
): Effect.Effect<A, E | StepError> =>
  Option.match(decodeRow(text), {
    onNone: () => failed(name, "unreadable", `The row of step ${name} cannot be read`),
    onSome: (row) =>
      Effect.flatten(
        Effect.mapError(read(row, codecs), (problem) =>
          failed(name, "unreadable", `The row of step ${name} cannot be read: ${problem}`),
        ),
      ),
  })

/** What a record says that a step returns, or why it cannot be read. */
const read = <A, E>(
  { codec, failure: failureText, result }: Pick<StepRecord, "codec" | "result" | "failure">,
  { failure, schema }: Codecs<A, E>,
): Effect.Effect<Effect.Effect<A, E>, string> => {
  const outcome = (text: string | undefined): Either.Either<Effect.Effect<A, E>, string> => {
    if (failureText === undefined) return Either.map(decoded(schema, text), Effect.succeed)
    return failure === undefined
      ? Either.left("it is a failure, and the step has no schema for failures")
      : Either.map(decoded(failure, text), Effect.fail)
  }
  const text = failureText ?? result
  return Effect.flatMap(text === undefined ? Effect.succeed(undefined) : opened(codec, text), outcome)
}

/** What the record of a step says; none where the step has no record, or is to run again. */
export const replayed = <A, E>(
  { name, recorded }: AttemptStep,
  { failure, schema, unreadable }: Replaying<A, E>,
): Effect.Effect<Option.Option<A>, E | StepError> => {
  const done = recorded?.done
  if (done === undefined) return Effect.succeedNone
  return read(done, { failure, schema }).pipe(
    Effect.mapError((problem) =>
      failed(name, "unreadable", `The record of step ${name} cannot be read: ${problem}`),
    ),
    Effect.matchEffect({
      onFailure: (error) => (unreadable === "rerun" ? Effect.succeedNone : Effect.fail(error)),
      onSuccess: (found): Effect.Effect<Option.Option<A>, E> => Effect.asSome(found),
    }),
  )
}
