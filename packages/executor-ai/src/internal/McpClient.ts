/** Connects to MCP servers by the package `@modelcontextprotocol/client`. Loaded once a server is used. */
import {
  Client,
  type JSONRPCMessage,
  StreamableHTTPClientTransport,
  type Transport,
} from "@modelcontextprotocol/client"
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { BoundedFetch, SameOriginFetch } from "@runlease/core/executor"
import { Predicate, Redacted } from "effect"
import type * as McpServer from "../McpServer.js"
import type { Called, Connection, ListedTool, Polled } from "./McpConnection.js"

/** The error with which a server answers a request. */
class RpcError extends Error {
  readonly code: unknown
  constructor(code: unknown, message: string) {
    super(message)
    this.code = code
  }
}

interface Waiting {
  readonly resolve: (result: Record<string, unknown>) => void
  readonly reject: (error: unknown) => void
}

interface Tapped {
  readonly transport: Transport
  readonly request: (
    method: string,
    params: Record<string, unknown>,
    signal: AbortSignal,
  ) => Promise<Record<string, unknown>>
}

const tap = (inner: Transport): Tapped => {
  const waiting = new Map<unknown, Waiting>()
  let count = 0

  const take = (message: object): boolean => {
    const id = "id" in message ? message.id : undefined
    const request = waiting.get(id)
    if (request === undefined) return false
    waiting.delete(id)
    if ("result" in message && Predicate.isRecord(message.result)) request.resolve(message.result)
    else {
      const error = "error" in message && Predicate.isRecord(message.error) ? message.error : {}
      request.reject(new RpcError(error["code"], String(error["message"] ?? "it answered with no result")))
    }
    return true
  }

  const transport: Transport = {
    start: () => {
      // A transport has one listener of each kind.
      Object.assign(inner, {
        onmessage: ((message, extra) => {
          if (!take(message)) transport.onmessage?.(message, extra)
        }) satisfies Transport["onmessage"],
        onerror: ((error) => transport.onerror?.(error)) satisfies Transport["onerror"],
        onclose: () => {
          for (const { reject } of waiting.values()) reject(new Error("the connection was closed"))
          waiting.clear()
          transport.onclose?.()
        },
      })
      return inner.start()
    },
    send: (message, options) => inner.send(message, options),
    close: () => inner.close(),
    setProtocolVersion: (version) => inner.setProtocolVersion?.(version),
    setSupportedProtocolVersions: (versions) => inner.setSupportedProtocolVersions?.(versions),
    get hasPerRequestStream() {
      return inner.hasPerRequestStream ?? false
    },
    get sessionId() {
      return inner.sessionId
    },
  }

  return {
    transport,
    request: (method, params, signal) =>
      new Promise((resolve, reject) => {
        const id = `runlease-${(count += 1)}`
        const fail = (error: unknown) => {
          waiting.delete(id)
          reject(error)
        }
        waiting.set(id, { resolve, reject })
        signal.addEventListener("abort", () => fail(signal.reason), { once: true })
        const message: JSONRPCMessage = { jsonrpc: "2.0", id, method, params }
        // A stream that ends before its answer has none.
        const onRequestStreamEnd = () => fail(new Error("its answer broke off"))
        inner.send(message, { requestSignal: signal, onRequestStreamEnd }).catch(fail)
      }),
  }
}

const tasksExtension = "io.modelcontextprotocol/tasks"

const clientInfo = { name: "runlease", version: "0.1.0" }

/** The longest call that its server makes no task of, in milliseconds. */
const callTimeout = 3_600_000

/** The most pages of tools that a server lists. */
const maxPages = 100

/** Between two polls of a task, where the server does not say, and at least, in milliseconds. */
const defaultPoll = 1000

const leastPoll = 100

const transportOf = (server: McpServer.McpServer): Transport => {
  if ("url" in server) {
    const headers = Object.entries(server.headers ?? {}).map(([name, value]) => [
      name,
      Redacted.isRedacted(value) ? String(Redacted.value(value)) : value,
    ])
    return new StreamableHTTPClientTransport(new URL(server.url), {
      fetch: BoundedFetch.make(SameOriginFetch.make()),
      requestInit: { headers: Object.fromEntries(headers) as Record<string, string> },
    })
  }
  const { args = [], command, cwd, env } = server
  return new StdioClientTransport({
    command,
    args: [...args],
    env: { ...getDefaultEnvironment(), ...env },
    stderr: "ignore",
    ...(cwd === undefined ? {} : { cwd }),
  })
}

/** A part of a result as text: a model reads no bytes. */
const textOf = (part: unknown): string => {
  if (!Predicate.isRecord(part)) return String(part)
  const { data, mimeType, resource, text, type, uri } = part
  if (type === "text") return String(text)
  if (type === "resource_link") return `[${String(uri)}]`
  if (type === "resource" && Predicate.isRecord(resource)) {
    return Predicate.isString(resource["text"]) ? resource["text"] : `[${String(resource["uri"])}]`
  }
  return `[${String(type)} ${String(mimeType)}, ${String(data).length} characters of Base64]`
}

const resultOf = (result: Record<string, unknown>): { readonly text: string; readonly isError: boolean } => {
  const { content, isError, structuredContent } = result
  const parts = Array.isArray(content) ? content : []
  return {
    text:
      parts.length === 0 && structuredContent !== undefined
        ? JSON.stringify(structuredContent)
        : parts.map(textOf).join("\n"),
    isError: isError === true,
  }
}

const pollOf = ({ pollIntervalMs }: Record<string, unknown>): number =>
  Predicate.isNumber(pollIntervalMs) ? Math.max(leastPoll, pollIntervalMs) : defaultPoll

/** What a task comes to. A question of the server gets no answer here. */
const polledOf = (task: Record<string, unknown>): Polled => {
  const { error, result, status, statusMessage } = task
  switch (status) {
    case "completed":
      return resultOf(Predicate.isRecord(result) ? result : {})
    case "failed": {
      const message = Predicate.isRecord(error) ? error["message"] : statusMessage
      return { text: `The call failed: ${String(message ?? "its server does not say why")}`, isError: true }
    }
    case "cancelled":
      return { text: "The call was cancelled by its server", isError: true }
    default:
      return { pollMillis: pollOf(task) }
  }
}

const listAll = async (client: Client): Promise<ReadonlyArray<ListedTool>> => {
  const tools: Array<ListedTool> = []
  let cursor: string | undefined
  let pages = 0
  do {
    if ((pages += 1) > maxPages) throw new Error(`it lists its tools on more than ${maxPages} pages`)
    // oxlint-disable-next-line no-await-in-loop -- a page names the next one
    const page = await client.listTools(cursor === undefined ? {} : { cursor })
    tools.push(...page.tools)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return tools
}

export const connect = async (server: McpServer.McpServer): Promise<Connection> => {
  const { request, transport } = tap(transportOf(server))
  const client = new Client(clientInfo, { versionNegotiation: { mode: "auto" } })
  await client.connect(transport)
  const version = client.getNegotiatedProtocolVersion()
  const hasTasks =
    client.getProtocolEra() === "modern" &&
    client.getServerCapabilities()?.extensions?.[tasksExtension] !== undefined
  const framed = (params: Record<string, unknown>) => ({
    ...params,
    _meta: {
      "io.modelcontextprotocol/protocolVersion": version,
      "io.modelcontextprotocol/clientInfo": clientInfo,
      "io.modelcontextprotocol/clientCapabilities": { extensions: { [tasksExtension]: {} } },
    },
  })

  const callForTask = async (
    name: string,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Called> => {
    const result = await request("tools/call", framed({ name, arguments: args }), signal)
    return result["resultType"] === "task"
      ? { task: String(result["taskId"]), pollMillis: pollOf(result) }
      : resultOf(result)
  }

  return {
    tools: await listAll(client),
    hasTasks,
    call: hasTasks
      ? callForTask
      : async (name, args, signal) =>
          resultOf(await client.callTool({ name, arguments: args }, { signal, timeout: callTimeout })),
    poll: async (task, signal) => polledOf(await request("tasks/get", framed({ taskId: task }), signal)),
    close: () => client.close(),
  }
}
