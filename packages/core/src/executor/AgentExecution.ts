/** What an agent's function returns for a run, as an execution that ends with the value of the run. */
import { Chunk, Effect, Either, Option, Stream } from "effect"
import * as AgentEvent from "../model/AgentEvent.js"
import type { ClaimedRun } from "../model/Run.js"
import { Result } from "./AgentResult.js"
import type { AgentSchemas, Definition } from "./AgentSchemas.js"
import type { ExecuteWith, Needs } from "./Executor.js"
import { ExecutorError, type ExecutorFailure } from "./ExecutorError.js"
import { isFailure, ofStream, type Output, type Source, toFailure } from "./ExecutorOutput.js"

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

type Schemas<P, A, E> = AgentSchemas<P, A, E> & Pick<Definition<P, A, E>, "name">

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
export const make = <P, A, E, S extends Source | ValueSource<A>>(
  schemas: Schemas<P, A, E> & Pick<Definition<P, A, E>, "success">,
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
