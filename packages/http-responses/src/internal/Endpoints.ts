/**
 * The endpoints of the Responses API.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type ControlPlaneError, Runs, Token } from "@runlease/core"
import { Refusal } from "@runlease/http/Refusal"
import * as Caller from "@runlease/http/face/Caller"
import * as ErrorBody from "@runlease/http/face/ErrorBody"
import type { PortError } from "@runlease/http/face/ErrorBody"
import * as EventStream from "@runlease/http/face/EventStream"
import type * as Face from "@runlease/http/face/Face"
import * as RawRequest from "@runlease/http/face/RawRequest"
import { wait } from "@runlease/http/face/Turns"
import { Context, Effect, Option, Schema, Stream } from "effect"
import type { Continuations } from "./Continuations.js"
import * as Create from "./Create.js"
import * as Errors from "./Errors.js"
import * as InputItems from "./InputItems.js"
import { decode, type StreamEvent } from "./Protocol.js"
import * as Responses from "./Responses.js"

const integer = (from: number, to: number) =>
  Schema.NumberFromString.pipe(Schema.compose(Schema.Int), Schema.between(from, to))

const Read = Schema.Struct({
  stream: Schema.optional(Schema.BooleanFromString),
  starting_after: Schema.optional(integer(0, Number.MAX_SAFE_INTEGER)),
})

/** How a response is read. `startingAfter`: the last event that the client has, -1 for none. */
const readQuery = Effect.flatMap(RawRequest.params, (params) =>
  Effect.map(decode(Read, params, ""), ({ starting_after, stream }) => ({
    stream: stream ?? false,
    startingAfter: starting_after ?? -1,
  })),
)

const Page = Schema.Struct({
  after: Schema.optional(Schema.String),
  limit: Schema.optionalWith(integer(1, 100), { default: () => 20 }),
  order: Schema.optionalWith(Schema.Literal("asc", "desc"), { default: () => "desc" as const }),
})

/** The parameters of an address, checked so that an error names them as OpenAI does. */
type Page = typeof Page.Type

/** Which items of a list are wanted. */
const pageQuery = Effect.flatMap(RawRequest.params, (params) => decode(Page, params, ""))

// Answers in OpenAI's shape: JSON, errors and event streams.

type Failure = Errors.ResponsesError | Refusal | PortError

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
const respond = <R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, Failure, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catchAll(answer, (failure) => {
    const error = errorOf(failure)
    const headers = failure._tag === "Refusal" ? failure.headers : undefined
    return Effect.succeed(json(Errors.toBody(error), error.httpStatus, headers))
  })

const frame = (event: StreamEvent): string => EventStream.namedFrame(event.type, JSON.stringify(event))

/** A stream of the events after one of them. */
const streamed = <R>(
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

const body = Effect.flatMap(RawRequest.text, (text) =>
  Option.match(RawRequest.parse(text), {
    onNone: () => Errors.invalid("body", "is not valid JSON", "invalid_json"),
    onSome: Effect.succeed,
  }),
)

/** The run continues, and a client that repeats its request would begin another. */
const shuttingDown = ({ run }: Responses.Found) =>
  json(
    Errors.toBody(
      new Errors.ResponsesError({
        httpStatus: 503,
        code: "shutting_down",
        message: `The server shuts down; response ${run.runId} continues, so read it by its id`,
        param: null,
      }),
    ),
    503,
    { "x-should-retry": "false" },
  )

const page = (items: ReadonlyArray<object>, { after, limit, order }: Page) => {
  const ordered = order === "asc" ? items : items.toReversed()
  const idOf = (item: object | undefined) => (item as { readonly id: string } | undefined)?.id ?? null
  const from = after === undefined ? 0 : ordered.findIndex((item) => idOf(item) === after) + 1
  const data = ordered.slice(from, from + limit)
  return {
    object: "list",
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: from + data.length < ordered.length,
  }
}

export const createResponse: Face.Answer<never, Continuations> = Effect.gen(function* () {
  const ports = yield* Caller.ports
  const { found, stream } = yield* Create.create(ports, yield* body)
  if (stream) return yield* streamed(Responses.events(ports, found), -1)
  if (found.settings.background === true) return json(yield* Responses.read(ports, found))
  return Option.match(yield* wait(Responses.settled(ports, found)), {
    onNone: () => shuttingDown(found),
    onSome: (response) => json(response),
  })
}).pipe(respond)

export const getResponse = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const { startingAfter, stream } = yield* readQuery
    const found = yield* Responses.findStored(ports, responseId)
    return stream
      ? yield* streamed(Responses.events(ports, found), startingAfter)
      : json(yield* Responses.read(ports, found))
  }).pipe(respond)

export const cancelResponse = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const found = yield* Responses.findStored(ports, responseId)
    if (found.settings.background !== true) {
      return yield* Errors.invalid("response_id", "only a response with background=true can be cancelled")
    }
    const { run } = yield* Context.get(ports, Runs.Runs)
      .cancel(found.run.runId)
      .pipe(Effect.catchTag("RunNotFound", () => Errors.notFound(responseId)))
    return json(yield* Responses.read(ports, { ...found, run }))
  }).pipe(respond)

export const listInputItems = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const wanted = yield* pageQuery
    const { run } = yield* Responses.findStored(ports, responseId)
    const messages = yield* Responses.messagesOf(ports, run)
    const input = messages.filter(({ id }) => id !== Create.instructionsId)
    return json(page(input.map(InputItems.fromMessage), wanted))
  }).pipe(respond)
