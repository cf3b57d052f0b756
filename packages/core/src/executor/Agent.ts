/**
 * Agents with types: the payload of a run, its value, and its failures.
 *
 * An agent is a value that its submitters, its parents and its workers share:
 *
 * ```ts
 * class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { files: Schema.Int }) {}
 *
 * const Review = Agent.make({
 *   name: "review",
 *   payload: { repository: Schema.String, pull: Schema.Int },
 *   success: Schema.Struct({ approved: Schema.Boolean, notes: Schema.Array(Schema.String) }),
 *   error: TooLarge,
 * })
 *
 * // A worker
 * const reviewer = Review.toLayer(({ pull, repository }) => review(repository, pull))
 * // A program
 * const { approved } = yield* Review.execute({ repository: "runlease", pull: 12 })
 * ```
 *
 * Source: docs/decisions/0098-typed-agents.md
 */
import { Chunk, Effect, Either, type Layer, Option, Schema, Stream, type Types } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import * as Ids from "../model/Ids.js"
import type { ClaimedRun } from "../model/Run.js"
import type { RunLog } from "../ports/RunLog.js"
import type { Runs, Submitted } from "../ports/Runs.js"
import { Result } from "./AgentResult.js"
import * as AgentRuns from "./AgentRuns.js"
import * as AgentSchemas from "./AgentSchemas.js"
import type { RunContext } from "./Execution.js"
import { type ExecuteWith, type Executor, layerAgent, type Needs } from "./Executor.js"
import { ExecutorError, type ExecutorFailure } from "./ExecutorError.js"
import { isFailure, ofStream, type Output, type Source, toFailure } from "./ExecutorOutput.js"
import type { Codec } from "./StepRecording.js"

export { Result, result } from "./AgentResult.js"

export type { AwaitError, Followed, SubmitError, SubmitOptions } from "./AgentRuns.js"

export { ResultUnreadable, RunFailed } from "./RunFailed.js"

/** An agent by its name: `Payload` is the input of a run, `Success` its value, and `Error` its declared failures. */
export interface Agent<Payload, Success, Error> {
  readonly name: string
  readonly definition: AgentSchemas.Definition<Payload, Success, Error>
  readonly schemas: AgentSchemas.AgentSchemas<Payload, Success, Error>

  /**
   * Submits a run. It does not wait for it.
   *
   * Fails: `InvalidSubmission` of the field `input` where the payload does not fit, before anything is submitted; and as `Runs.submit`.
   */
  readonly submit: (
    payload: Payload,
    options?: AgentRuns.SubmitOptions,
  ) => Effect.Effect<Submitted, AgentRuns.SubmitError, Runs>

  /**
   * Submits a run, waits for its end, and returns its value. A `publicId` makes it idempotent: the same one returns the value of the first run.
   * The run continues when the wait is interrupted.
   *
   * Fails: as the agent declares; `RunFailed` for any other failure and for a cancellation; and as `submit` and `await`.
   */
  readonly execute: (
    payload: Payload,
    options?: AgentRuns.SubmitOptions,
  ) => Effect.Effect<Success, Error | AgentRuns.SubmitError | AgentRuns.AwaitError, Runs | RunLog>

  /**
   * Waits for the end of a run, and returns its value.
   *
   * Fails: as the agent declares; `RunFailed`; and `ResultUnreadable` where the run is of another agent or its value does not fit.
   */
  readonly await: (runId: Ids.RunId) => Effect.Effect<Success, Error | AgentRuns.AwaitError, Runs | RunLog>

  /** The events of a run from its first on, those to come included, and then its value. Fails: as `await`. */
  readonly follow: (
    runId: Ids.RunId,
  ) => Stream.Stream<AgentRuns.Followed<Success>, Error | AgentRuns.AwaitError, Runs | RunLog>
}

/** An agent whose runs give a value. */
export interface ValueAgent<Payload, Success, Error> extends Agent<Payload, Success, Error> {
  readonly successSchema: Codec<Success>

  /**
   * The layer of the agent's executor, for a worker. The function gets the payload and the run, and returns an Effect of the value, or a
   * Stream of text and events that ends with `Agent.result`. The worker claims runs of the agents whose layers it has.
   */
  readonly toLayer: <S extends ValueSource<Success>>(
    f: (payload: Payload, run: ClaimedRun) => S,
  ) => Layer.Layer<Executor, never, Exclude<Needs<S>, RunContext>>
}

/** An agent whose runs give text. */
export interface TextAgent<Payload, Error> extends Agent<Payload, string, Error> {
  /** As that of a `ValueAgent`; the function returns what that of `Executor.from` does. */
  readonly toLayer: <S extends Source>(
    f: (payload: Payload, run: ClaimedRun) => S,
  ) => Layer.Layer<Executor, never, Exclude<Needs<S>, RunContext>>
}

/** The schema of a payload, or the fields of a struct. */
// oxlint-disable-next-line no-explicit-any -- a schema of an unknown type is assignable to no other type
type PayloadSchema = Codec<any> | Schema.Struct.Fields

type PayloadOf<P> =
  P extends Schema.Schema<infer A, infer _I, never>
    ? A
    : P extends Schema.Struct.Fields
      ? Types.Simplify<Schema.Struct.Type<P>>
      : never

interface Options<P, E, Payload = PayloadOf<P>> {
  /** The agent's id: what `agentId` is in a submission. */
  readonly name: string
  /** A schema, or the fields of a struct. Without one the agent takes text: that of the last message of the user. */
  readonly payload?: P | undefined
  /** The failures that the agent declares. Each is in the run, up to 16 KiB of JSON; submitters and parents get it back. */
  readonly error?: Codec<E> | undefined
  /**
   * The name of a run in lists, which show 80 characters of it on one line. Without it, where it throws and for a submission that is no
   * call of this agent, such as one by the dashboard, the name is the first text of the payload, or else the last text of the user.
   */
  readonly title?: ((payload: Payload) => string) | undefined
}

const checkName: (name: string) => string = Schema.validateSync(Schema.typeSchema(Ids.NewAgentId)) as never

/** Makes an agent. Throws where the name can be no agent's id. The schemas need no services. */
export function make<A, P extends PayloadSchema = Codec<string>, E = never>(
  options: Options<P, E> & {
    /** The value of a run, up to 240 KB of JSON. Without a schema it is the text of the last message. */
    readonly success: Codec<A>
  },
): ValueAgent<PayloadOf<P>, A, E>

export function make<P extends PayloadSchema = Codec<string>, E = never>(
  options: Options<P, E>,
): TextAgent<PayloadOf<P>, E>

export function make<P, A, E>({
  error,
  name,
  payload,
  success,
  title,
}: Options<PayloadSchema, E, P> & { readonly success?: Codec<A> | undefined }): Agent<P, A, E> & {
  readonly successSchema?: unknown
  readonly toLayer: unknown
} {
  const definition: AgentSchemas.Definition<P, A, E> = {
    name: checkName(name),
    payload: (payload === undefined || Schema.isSchema(payload)
      ? payload
      : Schema.Struct(payload as Schema.Struct.Fields)) as Codec<P> | undefined,
    success,
    error,
    title,
  }
  const schemas = AgentSchemas.make(definition)
  const parts = { definition, schemas }
  const submit: Agent<P, A, E>["submit"] = (payload, options = {}) =>
    AgentRuns.submit(parts, payload, options)
  const awaitEnd: Agent<P, A, E>["await"] = (runId) => AgentRuns.awaitEnd(parts, runId)
  return {
    name,
    definition,
    schemas,
    successSchema: success,
    submit,
    await: awaitEnd,
    execute: (payload, options) => Effect.flatMap(submit(payload, options), ({ run }) => awaitEnd(run.runId)),
    follow: (runId) => AgentRuns.follow(parts, runId),
    toLayer: <S extends Source | ValueSource<A>>(f: (payload: P, run: ClaimedRun) => S) =>
      layerAgent({ name, form: schemas.form }, execution({ ...definition, ...schemas }, f)),
  }
}

// What an agent's function returns for a run, as an execution that ends with the value of the run.

type Piece<A> = string | AgentEvent.AgentEvent | Result<A>

/** To the compiler each Effect is a Stream, so that an Effect of a text would be a Stream of text. */
interface NoEffect {
  readonly [Effect.EffectTypeId]?: never
}

/**
 * What the function of an agent with a value may return: an Effect of the value, or a Stream or async iterable of text and events that
 * ends with a `Result`.
 */
export type ValueSource<A, E = unknown, R = unknown> =
  | Effect.Effect<A, E, R>
  | (Stream.Stream<Piece<A>, E, R> & NoEffect)
  | AsyncIterable<Piece<A>>

type Schemas<P, A, E> = AgentSchemas.AgentSchemas<P, A, E> & Pick<AgentSchemas.Definition<P, A, E>, "name">

/** The event that ends the run with its value. */
const ended = <P, A, E>(
  { toResult }: Schemas<P, A, E>,
  run: ClaimedRun,
  value: A,
): Either.Either<AgentEvent.AgentEvent, ExecutorError> =>
  Either.mapBoth(toResult(value), {
    onLeft: (message) => new ExecutorError({ code: "invalid_result", message }),
    onRight: (result) =>
      AgentEvent.runFinished(run.conversationId, run.runId, result == null ? {} : { result }),
  })

/** A failure of an executor has its own meaning for the worker, also where it fits the schema of the agent's errors. */
const failureOf =
  <P, A, E>({ toFailure: declared }: Schemas<P, A, E>) =>
  (error: unknown): ExecutorFailure =>
    isFailure(error) ? error : Option.getOrElse(declared(error), () => toFailure(error))

const withoutResult = ({ name }: { readonly name: string }) =>
  new ExecutorError({
    code: "no_result",
    message: `The stream of agent ${name} has ended without a result: end it with Agent.result(value)`,
  })

/** A Stream whose last event ends the run with its value. */
const ofPieces = <P, A, E, R>(
  schemas: Schemas<P, A, E>,
  run: ClaimedRun,
  pieces: Stream.Stream<Piece<A>, ExecutorFailure, R>,
): Stream.Stream<string | AgentEvent.AgentEvent, ExecutorFailure, R> =>
  Stream.suspend(() => {
    let hasEnded = false
    return pieces.pipe(
      Stream.takeUntil((piece) => piece instanceof Result),
      Stream.mapChunksEffect((chunk) =>
        Effect.gen(function* () {
          const events: Array<string | AgentEvent.AgentEvent> = []
          for (const piece of chunk) {
            hasEnded = piece instanceof Result
            events.push(piece instanceof Result ? yield* ended(schemas, run, piece.value) : piece)
          }
          return Chunk.unsafeFromArray(events)
        }),
      ),
      Stream.concat(Stream.suspend(() => (hasEnded ? Stream.empty : Stream.fail(withoutResult(schemas))))),
    )
  })

/**
 * The executor of an agent. A payload that does not fit fails the run with code `invalid_payload`, a value with `invalid_result`. An
 * error that the agent declares fails it with its tag, and its encoded form in `detail`.
 */
export const execution = <P, A, E, S extends Source | ValueSource<A>>(
  schemas: Schemas<P, A, E> & Pick<AgentSchemas.Definition<P, A, E>, "success">,
  f: (payload: P, run: ClaimedRun) => S,
): ExecuteWith<Needs<S>> => {
  const toFailureOf = failureOf(schemas)
  const hasValue = schemas.success !== undefined
  const invalid = (message: string) => new ExecutorError({ code: "invalid_payload", message })
  return (run) => {
    const payload = schemas.fromSnapshot(run.snapshot)
    if (Either.isLeft(payload)) return Effect.fail(invalid(payload.left))
    const source = f(payload.right, run) as
      | Effect.Effect<unknown, unknown, Needs<S>>
      | Exclude<ValueSource<A, unknown, Needs<S>>, Effect.Effect<A, unknown, Needs<S>>>
    if (Effect.isEffect(source)) {
      const failing = Effect.mapError(source, toFailureOf)
      return hasValue
        ? Effect.flatMap(failing, (value) => Either.map(ended(schemas, run, value as A), (event) => [event]))
        : (failing as Effect.Effect<Output, ExecutorFailure, Needs<S>>)
    }
    const pieces = ofStream(source as never, toFailureOf) as Stream.Stream<
      Piece<A>,
      ExecutorFailure,
      Needs<S>
    >
    return hasValue
      ? ofPieces(schemas, run, pieces)
      : (pieces as Stream.Stream<string | AgentEvent.AgentEvent, ExecutorFailure, Needs<S>>)
  }
}
