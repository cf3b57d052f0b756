import type { Effect } from "effect"
import { type Answer, call } from "../../http/test/raw.js"
import type { Served } from "../../http/test/serving.js"

export const modern = "2026-07-28"

/** The metadata of a request of 2026-07-28. */
export const meta = (capabilities: object = {}) => ({
  "io.modelcontextprotocol/protocolVersion": modern,
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1.0.0" },
  "io.modelcontextprotocol/clientCapabilities": capabilities,
})

export const withTasks = { extensions: { "io.modelcontextprotocol/tasks": {} }, elicitation: {} }

const both = { accept: "application/json, text/event-stream" }

const nameOf = (params: Readonly<Record<string, unknown>>): string | undefined => {
  const name = params["name"] ?? params["taskId"]
  return typeof name === "string" ? name : undefined
}

type Headers = Readonly<Record<string, string>>

interface More {
  readonly capabilities?: object
  readonly headers?: Headers
  readonly meta?: object
  readonly path?: string
  readonly token?: string | null
}

/** A request of 2026-07-28 with the headers that it must have. */
export const request = (
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  more: More = {},
): Effect.Effect<Answer, never, Served> => {
  const name = nameOf(params)
  return call("POST", more.path ?? "/mcp", {
    ...(more.token === undefined ? {} : { token: more.token }),
    headers: {
      ...both,
      "mcp-protocol-version": modern,
      "mcp-method": method,
      ...(name === undefined ? {} : { "mcp-name": name }),
      ...more.headers,
    },
    body: {
      jsonrpc: "2.0",
      id: 1,
      method,
      params: { ...params, _meta: { ...meta(more.capabilities), ...more.meta } },
    },
  })
}

/** A request of a version that begins with `initialize`. */
export const legacy = (method: string, params?: object, headers: Headers = {}) =>
  call("POST", "/mcp", {
    headers: { ...both, "mcp-protocol-version": "2025-11-25", ...headers },
    body: { jsonrpc: "2.0", id: 1, method, ...(params === undefined ? {} : { params }) },
  })

/** A body that is sent as it is. */
export const raw = (body: unknown, headers: Headers = {}) =>
  call("POST", "/mcp", { headers: { ...both, ...headers }, body })

export const tool = (name: string, args: object, more: More = {}) =>
  request("tools/call", { name, arguments: args }, more)

/** The messages of an event stream. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
export const messagesOf = ({ text }: Answer): ReadonlyArray<any> =>
  text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [JSON.parse(line.slice(6))] : []))
