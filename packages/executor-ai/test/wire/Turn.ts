/** What a model does with one request, whatever the protocol. */

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON text as it is, or a value that is made into it. */
  readonly args: unknown
}

export interface Turn {
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
   * What comes after all that: the protocol's end, or a connection that stays open without a word, that is cut, that ends as
   * if all were well, or an error or a failure that the protocol has a message for.
   */
  readonly ending?: "good" | "hang" | "cut" | "short" | "error" | "failed"
  /** What it waits for before the end. A connection that is cut loses what has not been read from it. */
  readonly until?: Promise<unknown>
}

/** What an answer repeats of its request. */
export interface Asked {
  readonly model?: unknown
  readonly tools?: unknown
}

/** A frame of an event stream; `delta` says that it carries some of the text. */
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

/** JSON text as a model gives it, piece by piece. */
export const pieces = (text: string): ReadonlyArray<string> => text.match(/[\s\S]{1,7}/g) ?? []
