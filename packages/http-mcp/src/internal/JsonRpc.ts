/**
 * The messages of JSON-RPC 2.0, as the Model Context Protocol has them: an id is a string or an integer, and there are no batches.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic
 */
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import { Data, Either, Schema } from "effect"

export const Id = Schema.Union(Schema.String, Schema.Int)
export type Id = typeof Id.Type

export const Params = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Params = typeof Params.Type

/** A request, or a notification where it has no id. */
export const Incoming = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optional(Id),
  method: Schema.NonEmptyString,
  params: Schema.optional(Params),
}).annotations({ identifier: "JsonRpcMessage" })
export type Incoming = typeof Incoming.Type

/** A message without an answer. */
export interface Notification {
  readonly jsonrpc: "2.0"
  readonly method: string
  readonly params: Params
}

/** The answer to a request. It has no id where the request has none that can be read. */
export type Response =
  | { readonly jsonrpc: "2.0"; readonly id: Id; readonly result: Params }
  | { readonly jsonrpc: "2.0"; readonly id?: Id; readonly error: ErrorObject }

export interface ErrorObject {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export type Message = Notification | Response

/** The codes of errors that this server answers with. */
export const codes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedVersion: -32022,
} as const

/**
 * A request that is answered with an error. `status` is the HTTP status where it is sent over HTTP: most errors are answers to requests that
 * HTTP has understood.
 */
export class RpcFailure extends Data.TaggedError("RpcFailure")<{
  readonly code: number
  readonly message: string
  readonly status: number
  readonly data?: unknown
}> {}

export const failure = (
  code: keyof typeof codes,
  message: string,
  rest: { readonly status?: number; readonly data?: unknown } = {},
): RpcFailure =>
  new RpcFailure({
    code: codes[code],
    message,
    status: rest.status ?? 200,
    ...(rest.data === undefined ? {} : { data: rest.data }),
  })

/** Parameters that do not fit. */
export const invalidParams = (message: string): RpcFailure => failure("invalidParams", message)

export const notification = (method: string, params: Params): Notification => ({
  jsonrpc: "2.0",
  method,
  params,
})

export const success = (id: Id, result: Params): Response => ({ jsonrpc: "2.0", id, result })

export const refusal = (id: Id | undefined, { code, data, message }: RpcFailure): Response => ({
  jsonrpc: "2.0",
  ...(id === undefined ? {} : { id }),
  error: { code, message, ...(data === undefined ? {} : { data }) },
})

const decode = Schema.decodeUnknownEither(Incoming)
const isId = Schema.is(Schema.Struct({ id: Id }))

/** The id of a message that may be malformed. */
export const idOf = (message: unknown): Id | undefined => (isId(message) ? message.id : undefined)

/**
 * Reads a message.
 *
 * Fails: with the code of an invalid request and status 400, in the words of `SchemaProblem`.
 */
export const read = (message: unknown): Either.Either<Incoming, RpcFailure> =>
  Array.isArray(message)
    ? Either.left(
        failure("invalidRequest", "A batch is not supported; send each message alone", { status: 400 }),
      )
    : Either.mapLeft(decode(message), (problem) =>
        failure("invalidRequest", `This is no request of JSON-RPC 2.0: ${SchemaProblem.describe(problem)}`, {
          status: 400,
        }),
      )

/** Text that is no JSON. */
export const unparsable: Response = refusal(undefined, failure("parseError", "The message is no JSON"))
