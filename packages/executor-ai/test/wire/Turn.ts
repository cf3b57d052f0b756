/** What a model does with one request, whatever the protocol. */

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON text as it is, or a value that is made into it. */
  readonly args: unknown
}

export interface Turn {
  /** Numbers the ids in the answer. Default: how many requests came before it. */
  readonly number?: number
  readonly reasoning?: ReadonlyArray<string>
  /** Deltas; they may be without end. */
  readonly texts?: Iterable<string>
  readonly calls?: ReadonlyArray<ToolCall>
  /** `input` and `output` are totals, the others parts of them. */
  readonly usage?: {
    readonly input: number
    readonly output: number
    readonly reasoning?: number
    readonly cached?: number
    readonly cacheWrite?: number
  }
  readonly reason?: "stop" | "length" | "content_filter"
  /**
   * How the answer ends: `good` as the protocol says, `hang` with an open and silent connection, `cut` with a broken
   * connection, `short` with a normal end of the connection, `error` and `failed` with such a message of the protocol.
   */
  readonly ending?: "good" | "hang" | "cut" | "short" | "error" | "failed"
  /** The answer waits for this before its end. A cut connection loses unread data. */
  readonly until?: Promise<unknown>
}

/** The fields of a request that its answer repeats. */
export interface RequestBody {
  readonly model?: unknown
  readonly tools?: unknown
}

/** A frame of an event stream. `delta`: whether it carries text. */
export interface Frame {
  readonly data: string
  readonly delta: boolean
}

export const argsOf = ({ args }: ToolCall): string => (typeof args === "string" ? args : JSON.stringify(args))

export const usageOf = (turn: Turn) => ({
  input: 10,
  output: 5,
  reasoning: 0,
  cached: 0,
  cacheWrite: 0,
  ...turn.usage,
})

/** Splits JSON text into pieces, as a model streams it. */
export const pieces = (text: string): ReadonlyArray<string> => text.match(/[\s\S]{1,7}/g) ?? []
