/** Answers a request that failed: whatever the failure is, the response is a refusal. */
import type * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import { Token } from "@runlease/core"
import { Cause, Effect, Option, Predicate } from "effect"
import * as InvalidRequest from "../contract/InvalidRequest.js"
import * as Refusal from "../contract/Refusal.js"

const ofFailure = (error: unknown): Refusal.Refusal | undefined => {
  if (error instanceof Refusal.Refusal) return error
  if (Predicate.isTagged(error, "HttpApiDecodeError"))
    return InvalidRequest.ofIssues((error as HttpApiError.HttpApiDecodeError).issues)
  if (Predicate.isTagged(error, "RouteNotFound")) {
    return Refusal.make(404, "not_found", "There is nothing at this address")
  }
  // The only request errors are those of reading a body.
  if (Predicate.isTagged(error, "RequestError")) {
    return Refusal.make(400, "invalid_json", "The body is not valid JSON", { field: "body" })
  }
  return undefined
}

/** A refusal repeats what was wrong, which may be a token in a wrong place. */
const withoutTokens = (body: Refusal.Body): Refusal.Body => ({ ...body, detail: Token.mask(body.detail) })

const toResponse = (refusal: Refusal.Refusal): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeJson(withoutTokens(refusal.body), {
    status: refusal.httpStatus,
    ...(refusal.headers === undefined ? {} : { headers: refusal.headers }),
  })

/** The cause for the log: what is stored of a run may be in an error of a schema. */
const withoutValues = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  SchemaProblem.causeWithoutValues(Cause.map(cause, SchemaProblem.withoutValues))

const internal = Refusal.make(500, "internal", "The server has a fault; its log says more")

/**
 * The refusal for a failure. A defect is logged, and its refusal says no more than that the server has a fault. An
 * interruption stays an interruption.
 */
export const ofCause = (cause: Cause.Cause<unknown>): Effect.Effect<Refusal.Refusal> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
  const found = Option.orElse(Option.flatMapNullable(Cause.failureOption(cause), ofFailure), () =>
    Option.flatMapNullable(Cause.dieOption(cause), ofFailure),
  )
  return Option.match(found, {
    onSome: Effect.succeed,
    onNone: () =>
      Effect.as(Effect.logError("A request could not be handled", withoutValues(cause)), internal),
  })
}

/** Answers every failure with a refusal. */
export const respond = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.catchAllCause(app, (cause) => Effect.map(ofCause(cause), toResponse))
