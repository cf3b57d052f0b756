/**
 * The binding of A2A to HTTP and JSON.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification, section 11
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as EventStream from "@runlease/http/face/EventStream"
import * as RawRequest from "@runlease/http/face/RawRequest"
import { Effect, Record, Stream } from "effect"
import * as Errors from "./Errors.js"
import * as Operations from "./Operations.js"
import * as Version from "./Version.js"

const contentType = "application/a2a+json"

const json = (body: unknown, status = 200) =>
  HttpServerResponse.text(JSON.stringify(body), { status, contentType })

/** The body of a request, which may be absent. */
const body = Effect.flatMap(RawRequest.text, (text) =>
  text.trim() === "" ? Effect.succeed({}) : Effect.mapError(RawRequest.parse(text), () => Errors.notJson),
)

/** Values of parameters of an address that are no text. */
const typed: Readonly<Record<string, (text: string) => unknown>> = {
  historyLength: Number,
  pageSize: Number,
  includeArtifacts: (text) => (text === "true" ? true : text === "false" ? false : text),
}

/** The parameters of an address as the fields of a request. */
const query = Effect.map(RawRequest.params, (params) =>
  Record.map(params, (value, name) => typed[name]?.(value) ?? value),
)

/** Where the parameters of an operation are. */
export type From = "body" | "query"

/** Does an operation, with the fields that its address has. */
export const respond = (
  method: string,
  request: Omit<Operations.Request, "params">,
  from: From,
  fields: Readonly<Record<string, string>> = {},
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Operations.Services> =>
  Effect.gen(function* () {
    yield* Version.check
    const input = yield* from === "body" ? body : query
    const params = typeof input === "object" && input !== null ? { ...input, ...fields } : input
    const answer = yield* Operations.handle(method, { ...request, params })
    if (answer._tag === "One") return json(answer.value)
    return yield* EventStream.respond(
      answer.values.pipe(
        Stream.map((value) => EventStream.frame(JSON.stringify(value))),
        Stream.catchAll((error) =>
          Stream.succeed(
            EventStream.namedFrame("error", JSON.stringify(Errors.toRest(Operations.toA2a(error)))),
          ),
        ),
      ),
    )
  }).pipe(
    Effect.mapError(Operations.toA2a),
    Effect.catchAll((error) => Effect.succeed(json(Errors.toRest(error), error.kind.httpStatus))),
  )

/** An address that A2A does not have. */
export const unknown = json(
  Errors.toRest(Errors.make("METHOD_NOT_FOUND", "There is nothing at this address of the agent")),
  404,
)
