/**
 * The headers of a request over HTTP, which repeat parts of its body for what is between client and server.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#request-metadata
 */
import { Either, Encoding } from "effect"
import * as Era from "./Era.js"
import * as JsonRpc from "./JsonRpc.js"

export interface RequestHeaders {
  readonly version: string | undefined
  readonly method: string | undefined
  readonly name: string | undefined
}

/** The parameter that the header `Mcp-Name` repeats, by method. */
const named: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
}

/** Clients must name a task in the header too, and those of the protocol's own package do not. The id is in the body. */
const isOptional = (method: string): boolean => method.startsWith("tasks/")

const encoded = /^=\?base64\?(.*)\?=$/

/** The value of a header, which is in Base64 where it is no plain ASCII. */
const valueOf = (header: string): string | undefined => {
  const [, base64] = encoded.exec(header) ?? []
  return base64 === undefined ? header : Either.getOrUndefined(Encoding.decodeBase64String(base64))
}

const mismatch = (message: string): Either.Either<never, JsonRpc.RpcFailure> =>
  Either.left(JsonRpc.failure("headerMismatch", `Header mismatch: ${message}`, { status: 400 }))

const same = (
  header: string,
  headerValue: string | undefined,
  body: string,
): Either.Either<void, JsonRpc.RpcFailure> => {
  if (headerValue === undefined) return mismatch(`the ${header} header is missing`)
  return valueOf(headerValue) === body
    ? Either.void
    : mismatch(`${header} header value '${headerValue}' does not match body value '${body}'`)
}

const isModern = ({ version }: RequestHeaders, incoming: JsonRpc.Incoming): boolean =>
  version === Era.modern ||
  (version === undefined && Era.metaOf(incoming)["io.modelcontextprotocol/protocolVersion"] !== undefined)

/**
 * Checks that the headers of a request of 2026-07-28 say what its body says. Older versions have no such headers.
 *
 * Fails: `headerMismatch`, with status 400.
 */
export const check = (
  headers: RequestHeaders,
  incoming: JsonRpc.Incoming,
): Either.Either<void, JsonRpc.RpcFailure> => {
  if (incoming.id === undefined || !isModern(headers, incoming)) return Either.void
  if (headers.version === undefined) return mismatch("the MCP-Protocol-Version header is missing")
  const { method, params } = incoming
  return Either.flatMap(same("Mcp-Method", headers.method, method), () => {
    const parameter = Object.hasOwn(named, method) ? params?.[named[method]!] : undefined
    return typeof parameter !== "string" || (headers.name === undefined && isOptional(method))
      ? Either.void
      : same("Mcp-Name", headers.name, parameter)
  })
}
