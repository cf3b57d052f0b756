/**
 * The binding of A2A to JSON-RPC 2.0.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification, section 9; https://www.jsonrpc.org/specification
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Refusal } from "@runlease/http/Refusal"
import * as EventStream from "@runlease/http/face/EventStream"
import * as RawRequest from "@runlease/http/face/RawRequest"
import { Effect, Either, Option, ParseResult, Schema, Stream } from "effect"
import * as Errors from "./Errors.js"
import * as Operations from "./Operations.js"
import * as Version from "./Version.js"

const Id = Schema.Union(Schema.String, Schema.Number, Schema.Null)
type Id = typeof Id.Type

/** A request: a call without an id would be a notification, and A2A has none. */
const Call = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Id,
  method: Schema.String,
  params: Schema.optional(Schema.Unknown),
})

const decode = Schema.decodeUnknownEither(Call)

const isId = Schema.is(Id)

const idOf = (body: unknown): Id =>
  typeof body === "object" && body !== null && "id" in body && isId(body.id) ? body.id : null

const failed = (id: Id, error: Errors.A2aError) => ({ jsonrpc: "2.0", id, error: Errors.toJsonRpc(error) })

const succeeded = (id: Id, result: unknown) => ({ jsonrpc: "2.0", id, result })

const callOf = (body: unknown) =>
  Either.mapLeft(decode(body), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = issue?.path.map(String).join(".") ?? ""
    return Errors.make(
      "INVALID_REQUEST",
      Array.isArray(body)
        ? "Send one call at a time: a batch is not accepted"
        : `The body is no call of JSON-RPC 2.0: ${field === "" ? "" : `${field}: `}${issue?.message ?? "malformed"}`,
      { field },
    )
  })

/** Answers a call. What is wrong with it is in the response of JSON-RPC, whose HTTP status is 200. */
export const respond = (
  request: Omit<Operations.Request, "params">,
): Effect.Effect<HttpServerResponse.HttpServerResponse, Refusal, Operations.Services> =>
  Effect.gen(function* () {
    const body = RawRequest.parse(yield* RawRequest.text)
    const id = idOf(Option.getOrUndefined(body))
    return yield* Effect.gen(function* () {
      const call = yield* callOf(yield* Effect.mapError(body, () => Errors.notJson))
      yield* Version.check
      const answer = yield* Operations.handle(call.method, { ...request, params: call.params })
      if (answer._tag === "One") return HttpServerResponse.unsafeJson(succeeded(id, answer.value))
      return yield* EventStream.respond(
        answer.values.pipe(
          Stream.map((value) => succeeded(id, value)),
          Stream.catchAll((error) => Stream.succeed(failed(id, Operations.toA2a(error)))),
          Stream.map((response) => EventStream.frame(JSON.stringify(response))),
        ),
      )
    }).pipe(Effect.catchAll((error) => Effect.succeed(HttpServerResponse.unsafeJson(failed(id, error)))))
  })
