/** A connection to an MCP server, without the types of the package that makes it. */

/** A tool as its server lists it. */
export interface ListedTool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: object
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly idempotentHint?: boolean | undefined }
    | undefined
}

/** What the log has of a call that was made: its result, or the task that it has become. Both are JSON. */
export type Called =
  | { readonly task: string; readonly pollMillis: number }
  | { readonly text: string; readonly isError: boolean }

/** What a poll of a task finds. */
export type Polled = { readonly pollMillis: number } | { readonly text: string; readonly isError: boolean }

export interface Connection {
  readonly tools: ReadonlyArray<ListedTool>
  /** Whether a call may become a task. */
  readonly hasTasks: boolean
  readonly call: (name: string, args: Record<string, unknown>, signal: AbortSignal) => Promise<Called>
  readonly poll: (task: string, signal: AbortSignal) => Promise<Polled>
  readonly close: () => Promise<void>
}
