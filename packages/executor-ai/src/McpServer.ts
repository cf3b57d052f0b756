/**
 * Servers of the Model Context Protocol whose tools a model may call, in addition to those of the worker.
 *
 * ```ts
 * const agent = AiExecutor.layerWith({
 *   mcp: [
 *     { name: "files", command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "."] },
 *     { name: "tickets", url: "https://tickets.example.com/mcp", allow: ["search", "read"] },
 *   ],
 * })
 * ```
 *
 * They need the package `@modelcontextprotocol/client`. Each attempt connects and lists the tools once. The model has them as
 * `files__read_file`. A call happens at most once over all attempts, unless the server says that the tool only reads (`readOnlyHint`) or may be
 * called again (`idempotentHint`).
 *
 * Where a server makes a task of a call, the worker polls the task in the place of the call, until it has ended. The log has the id of the task, so
 * another attempt continues with the same task.
 *
 * Source: docs/decisions/0111-mcp.md
 */
import type { Redacted } from "effect"

interface Common {
  /** The beginning of the names of its tools: 1 to 32 letters, digits, `-` or `_`. */
  readonly name: string
  /** The tools that the model may call, by the server's names. Default: all. */
  readonly allow?: ReadonlyArray<string> | undefined
}

/** A server at an address. `headers` go with each request, such as an `Authorization`. */
export interface Remote extends Common {
  readonly url: string
  readonly headers?: Readonly<Record<string, Redacted.Redacted | string>> | undefined
}

/** A program that the worker starts for each attempt. It has the variables of `env`, and a few of the worker's, such as `PATH` and `HOME`. */
export interface Local extends Common {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
}

export type McpServer = Remote | Local
