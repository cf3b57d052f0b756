/** Connects to MCP servers by the package `@modelcontextprotocol/client`. Loaded once a server is used. */
import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client"
import { StdioClientTransport, getDefaultEnvironment } from "@modelcontextprotocol/client/stdio"
import { BoundedFetch, SameOriginFetch } from "@runlease/core/internal"
import { Predicate, Redacted } from "effect"
import type * as McpServer from "../McpServer.js"
import type { Called, Connection, ListedTool, Polled } from "./McpConnection.js"
import * as McpTransport from "./McpTransport.js"

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
  const { request, transport } = McpTransport.tap(transportOf(server))
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
