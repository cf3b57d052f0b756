/** Answers in OpenAI's shape: JSON, errors and event streams. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type ControlPlaneError, Token } from "@runlease/core"
import { Refusal } from "@runlease/http/Refusal"
import type { PortError } from "@runlease/http/face/ErrorBody"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import * as EventStream from "@runlease/http/face/EventStream"
import { Effect, Stream } from "effect"
import * as Errors from "./Errors.js"
import type { StreamEvent } from "./Protocol.js"

export type Failure = Errors.ResponsesError | Refusal | PortError

const ofRefusal = ({ body, httpStatus }: Refusal): Errors.ResponsesError =>
  new Errors.ResponsesError({ httpStatus, code: body.error, message: body.detail, param: body.field ?? null })

const errorOf = (failure: Failure): Errors.ResponsesError => {
  const { code, httpStatus, message, param } =
    failure._tag === "ResponsesError" ? failure : ofRefusal(ErrorBody.encode(failure))
  // A message repeats what was wrong, which may be a token in a wrong place.
  return new Errors.ResponsesError({ httpStatus, code, param, message: Token.mask(message) })
}

export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(JSON.stringify(body), { status, contentType: "application/json", headers })

/** Answers every failure with an error. */
export const respond = <R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, Failure, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catchAll(answer, (failure) => {
    const error = errorOf(failure)
    const headers = failure._tag === "Refusal" ? failure.headers : undefined
    return Effect.succeed(json(Errors.toBody(error), error.httpStatus, headers))
  })

const frame = (event: StreamEvent): string => EventStream.namedFrame(event.type, JSON.stringify(event))

/** A stream of the events after one of them. */
export const stream = <R>(
  events: Stream.Stream<StreamEvent, Errors.ResponsesError | ControlPlaneError.ControlPlaneError, R>,
  after: number,
) => {
  let last = after
  return EventStream.respond(
    events.pipe(
      Stream.filter(({ sequence_number }) => sequence_number > after),
      Stream.map((event) => {
        last = event.sequence_number
        return frame(event)
      }),
      Stream.concat(Stream.succeed("data: [DONE]\n\n")),
      Stream.catchAll((failure) => {
        const { code, message, param } = errorOf(failure)
        return Stream.succeed(frame({ type: "error", sequence_number: last + 1, code, message, param }))
      }),
    ),
  )
}
