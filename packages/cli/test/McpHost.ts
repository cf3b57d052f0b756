/** A host of MCP servers by the protocol's own packages, and requests that these leave to it. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { createTaskSessionFromClient, type WithTasksOptions } from "@modelcontextprotocol/ext-tasks/client"
import { Effect } from "effect"
import { inject } from "vitest"
import type { Env } from "./Processes.js"

/** How a client begins: with `initialize`, or with discovery. */
export type Mode = "legacy" | "auto"

const info = { name: "host", version: "1.0.0" }

const client = (mode: Mode) =>
  new Client(info, { versionNegotiation: { mode }, capabilities: { elicitation: {} } })

const opened = (connecting: () => Promise<Client>) =>
  Effect.acquireRelease(Effect.promise(connecting), (open) => Effect.promise(() => open.close()))

/** A client of `runlease mcp`, and the program that it started. */
export const stdio = (mode: Mode, cwd: string, env: Env, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [inject("runlease"), "mcp", ...flags],
      env: { PATH: process.env["PATH"]!, HOME: cwd, ...env },
      cwd,
    })
    const connected = yield* opened(async () => {
      const made = client(mode)
      await made.connect(transport)
      return made
    })
    return { client: connected, pid: transport.pid! }
  })

const authorization = (env: Env) => ({ authorization: `Bearer ${env.RUNLEASE_API_KEY}` })

/** A client of `/mcp`. */
export const http = (mode: Mode, env: Env) =>
  opened(async () => {
    const made = client(mode)
    await made.connect(
      new StreamableHTTPClientTransport(new URL(`${env.RUNLEASE_URL}/mcp`), {
        requestInit: { headers: authorization(env) },
      }),
    )
    return made
  })

interface Sent {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
}

let count = 0

/** The client takes no tasks, so the host sends these requests itself. */
const dispatch = async (env: Env, { method, params = {} }: Sent) => {
  const { name, taskId } = params
  const response = await fetch(`${env.RUNLEASE_URL}/mcp`, {
    method: "POST",
    headers: {
      ...authorization(env),
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      "mcp-name": String(name ?? taskId),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: `host-${(count += 1)}`, method, params }),
  })
  const { error, result } = JSON.parse(await response.text())
  return error === undefined ? ({ kind: "result", result } as const) : ({ kind: "error", error } as const)
}

/** A session with tasks over a client of `/mcp`. */
export const session = (env: Env, connected: Client, onInputRequest?: WithTasksOptions["onInputRequest"]) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      createTaskSessionFromClient(connected, {
        endpointId: "runlease",
        rawDispatch: (request) => dispatch(env, request as unknown as Sent),
        v2RequestFraming: {
          protocolVersion: "2026-07-28",
          clientInfo: info,
          clientCapabilities: { elicitation: {} },
        },
        ...(onInputRequest === undefined ? {} : { onInputRequest }),
      }),
    ),
    (open) => Effect.promise(() => open.close()),
  )
