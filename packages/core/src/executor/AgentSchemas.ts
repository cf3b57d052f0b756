/**
 * The payload, the value and the failures of an agent, as JSON.
 *
 * A problem is a sentence with the agent's name and the place, and never has a value in it.
 */
import { Either, Option, type ParseResult, Predicate, Schema, SchemaAST } from "effect"
import * as FormSchema from "../model/FormSchema.js"
import * as JsonSchemaCost from "../model/JsonSchemaCost.js"
import * as JsonSchemaProblem from "../model/JsonSchemaProblem.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import type { RunError } from "../model/Run.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import { bytesOf } from "../ports/AppendRules.js"
import { ExecutorError } from "./ExecutorError.js"
import type { Codec } from "./StepRecording.js"

/** The schemas of an agent. Without `payload` the payload is text, and without `success` the value is text. */
export interface Definition<P, A, E> {
  readonly name: string
  readonly payload: Codec<P> | undefined
  readonly success: Codec<A> | undefined
  readonly error: Codec<E> | undefined
  readonly title?: ((payload: P) => string) | undefined
}

export interface AgentSchemas<P, A, E> {
  /** The JSON Schema of the payload; absent for text, and for a schema that has none. */
  readonly form: object | undefined
  readonly toSnapshot: (payload: P) => Either.Either<RequestSnapshot.RequestSnapshot, string>
  /** From `input`, or from the last text of the user, as JSON or as it is: a client may have nothing but text. */
  readonly fromSnapshot: (snapshot: RequestSnapshot.RequestSnapshot) => Either.Either<P, string>
  readonly toResult: (value: A) => Either.Either<unknown, string>
  readonly fromResult: (result: unknown) => Either.Either<A, string>
  /** The failure of the run for an error that the agent declares. */
  readonly toFailure: (error: unknown) => Option.Option<ExecutorError>
  readonly fromError: (error: RunError | null) => Option.Option<E>
}

const parse = Schema.decodeUnknownOption(Schema.parseJson())

/** The most bytes of a declared failure as JSON: each list of runs has it. */
const maxDetail = 16_384

/** The most UTF-16 units of a title that a request has. A list shows 80 characters of it. */
const maxTitle = 400

const codeOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : "agent_error"

/** Whether the message is the one that `Schema.TaggedError` makes of the fields, with their values. */
const listsFields = (error: object): boolean => {
  let owner: object | null = error
  while (owner !== null && !Object.hasOwn(owner, "message"))
    owner = Object.getPrototypeOf(owner) as object | null
  return owner !== null && Schema.isSchema(owner.constructor) && Object.hasOwn(owner.constructor, "_tag")
}

/** The message that the author of the error has written, and otherwise the tag. */
const messageOf = (error: unknown, name: string): string =>
  Predicate.hasProperty(error, "message") &&
  Predicate.isString(error.message) &&
  error.message !== "" &&
  !listsFields(error)
    ? error.message
    : `Agent ${name} has failed with ${codeOf(error)}`

export const make = <P, A, E>({
  error,
  name,
  payload,
  success,
  title,
}: Definition<P, A, E>): AgentSchemas<P, A, E> => {
  const form = payload && FormSchema.of(payload)
  let check: ((value: unknown) => string | undefined) | undefined
  let formSize: number | undefined
  /** Whether the value that a program has is the JSON that is sent. */
  const isSame = payload !== undefined && SchemaAST.encodedBoundAST(payload.ast) === payload.ast

  /**
   * In the words of the JSON Schema, which servers and pages have, where that finds a problem too, in few steps. `undefined` is no JSON.
   */
  const jsonProblem = (json: unknown): string | undefined => {
    if (form === undefined || json === undefined) return undefined
    formSize ??= JsonSchemaCost.ofSchema(form, { trusts: true }) ?? Number.POSITIVE_INFINITY
    if (JsonSchemaCost.ofValue(json, JsonSchemaCost.fewSteps / formSize) === undefined) return undefined
    check ??= JsonSchemaProblem.make(form)
    return check(json)
  }
  const payloadProblem = (problem: ParseResult.ParseError, json?: unknown): string =>
    JsonSchemaProblem.ofPayload(name, jsonProblem(json) ?? SchemaProblem.describe(problem))
  const resultProblem = (problem: ParseResult.ParseError): string =>
    `The result of agent ${name} does not fit: ${SchemaProblem.describe(problem)}`

  const encodePayload = payload && Schema.encodeEither(payload)
  const decodePayload = payload && Schema.decodeUnknownEither(payload)
  const encodeResult = success && Schema.encodeEither(success)
  const decodeResult = success && Schema.decodeUnknownEither(success)
  const isDeclared = error && Schema.is(error)
  const encodeError = error && Schema.encodeEither(error)
  const decodeError = error && Schema.decodeUnknownOption(error)

  /** A function that throws names no run, and stops none. */
  const withTitle = (
    snapshot: RequestSnapshot.RequestSnapshot,
    payload: P,
  ): RequestSnapshot.RequestSnapshot =>
    title === undefined
      ? snapshot
      : Either.match(
          Either.try(() => String(title(payload))),
          { onLeft: () => snapshot, onRight: (text) => ({ ...snapshot, title: text.slice(0, maxTitle) }) },
        )

  return {
    form,
    toSnapshot: (payload) =>
      encodePayload === undefined
        ? Either.right(withTitle(RequestSnapshot.fromText(String(payload)), payload))
        : Either.mapBoth(encodePayload(payload), {
            onLeft: (problem) => payloadProblem(problem, isSame ? payload : undefined),
            onRight: (input) => withTitle({ ...RequestSnapshot.empty, input }, payload),
          }),
    fromSnapshot: (snapshot) => {
      if (decodePayload === undefined) return Either.right(RequestSnapshot.lastUserText(snapshot) as P)
      const { input } = snapshot
      if (input !== undefined) {
        return Either.mapLeft(decodePayload(input), (problem) => payloadProblem(problem, input))
      }
      const text = RequestSnapshot.lastUserText(snapshot)
      const json = Option.getOrElse(parse(text), (): unknown => text)
      return Either.orElse(decodePayload(json), (problem) =>
        Either.mapLeft(decodePayload(text), () => payloadProblem(problem, json)),
      )
    },
    toResult: (value) =>
      encodeResult === undefined ? Either.right(value) : Either.mapLeft(encodeResult(value), resultProblem),
    fromResult: (result) =>
      decodeResult === undefined
        ? Either.right(String(result) as A)
        : // A run without a result has null. So does a result of undefined, which JSON does not have.
          Either.mapLeft(
            Either.orElse(decodeResult(result), (problem) =>
              result === null ? Either.mapLeft(decodeResult(undefined), () => problem) : Either.left(problem),
            ),
            resultProblem,
          ),
    toFailure: (error) => {
      if (isDeclared?.(error) !== true) return Option.none()
      const code = codeOf(error)
      return Option.some(
        Either.match(encodeError!(error), {
          onLeft: (problem) =>
            new ExecutorError({
              code: "invalid_failure",
              message: `The failure ${code} of agent ${name} does not fit: ${SchemaProblem.describe(problem)}`,
            }),
          onRight: (detail: unknown) => {
            const bytes = bytesOf(JSON.stringify(detail))
            return bytes > maxDetail
              ? new ExecutorError({
                  code: "failure_too_large",
                  message: `The failure ${code} of agent ${name} is ${bytes} bytes of JSON; it may have ${maxDetail}`,
                })
              : new ExecutorError({ code, message: messageOf(error, name), detail })
          },
        }),
      )
    },
    fromError: (error) =>
      error?.detail === undefined || decodeError === undefined ? Option.none() : decodeError(error.detail),
  }
}
