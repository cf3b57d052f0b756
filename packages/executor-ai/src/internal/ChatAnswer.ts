/** Converts the chunks of a streamed chat completion to the parts of an answer. */
import { AiError, type Response, Tool } from "@effect/ai"
import { DateTime, Effect, Schema, Stream } from "effect"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

const ToolCallDelta = Schema.Struct({
  index: optional(Schema.Number),
  id: optional(Schema.String),
  function: optional(Schema.Struct({ name: optional(Schema.String), arguments: optional(Schema.String) })),
})

const Delta = Schema.Struct({
  content: optional(Schema.String),
  refusal: optional(Schema.String),
  // OpenAI's API has neither field. Servers of reasoning models use one of them.
  reasoning_content: optional(Schema.String),
  reasoning: optional(Schema.String),
  tool_calls: optional(Schema.Array(ToolCallDelta)),
})

const Usage = Schema.Struct({
  prompt_tokens: optional(Schema.Number),
  completion_tokens: optional(Schema.Number),
  total_tokens: optional(Schema.Number),
  prompt_tokens_details: optional(Schema.Struct({ cached_tokens: optional(Schema.Number) })),
  completion_tokens_details: optional(Schema.Struct({ reasoning_tokens: optional(Schema.Number) })),
})

/** The fields that compatible servers share. Few are required, and other fields are accepted. */
export const Chunk = Schema.Union(
  Schema.Struct({
    error: Schema.Union(Schema.String, Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  }),
  Schema.Struct({
    id: optional(Schema.String),
    model: optional(Schema.String),
    created: optional(Schema.Number),
    choices: Schema.Array(Schema.Struct({ delta: optional(Delta), finish_reason: optional(Schema.String) })),
    usage: optional(Usage),
  }),
)
type Chunk = typeof Chunk.Type

type Part = Response.StreamPartEncoded

interface Call {
  readonly id: string
  readonly name: string
  args: string
}

const reasons: Readonly<Record<string, Response.FinishReason>> = {
  stop: "stop",
  length: "length",
  content_filter: "content-filter",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
}

const makeReader = () => {
  const calls: Array<Call> = []
  const byIndex = new Map<number, Call>()
  let open: "text" | "reasoning" | undefined
  let blocks = 0
  let begun = false
  let finishReason: string | undefined
  let usage: typeof Usage.Type | undefined

  const close = (): ReadonlyArray<Part> => {
    const parts: ReadonlyArray<Part> =
      open === undefined ? [] : [{ type: open === "text" ? "text-end" : "reasoning-end", id: String(blocks) }]
    open = undefined
    return parts
  }

  const extend = (kind: "text" | "reasoning", delta: string | undefined): ReadonlyArray<Part> => {
    if (delta === undefined || delta === "") return []
    const parts: Array<Part> = []
    if (open !== kind) {
      parts.push(...close())
      open = kind
      blocks += 1
      parts.push({ type: kind === "text" ? "text-start" : "reasoning-start", id: String(blocks) })
    }
    parts.push({ type: kind === "text" ? "text-delta" : "reasoning-delta", id: String(blocks), delta })
    return parts
  }

  const callPart = (delta: typeof ToolCallDelta.Type): ReadonlyArray<Part> => {
    const index = delta.index ?? (delta.id === undefined ? calls.length - 1 : calls.length)
    const parts: Array<Part> = []
    let call = byIndex.get(index)
    if (call === undefined) {
      call = { id: delta.id ?? `call_${index}`, name: delta.function?.name ?? "", args: "" }
      byIndex.set(index, call)
      calls.push(call)
      parts.push(...close(), { type: "tool-params-start", id: call.id, name: call.name })
    }
    const args = delta.function?.arguments ?? ""
    if (args !== "") {
      call.args += args
      parts.push({ type: "tool-params-delta", id: call.id, delta: args })
    }
    return parts
  }

  const read = (chunk: Chunk): ReadonlyArray<Part> => {
    if ("error" in chunk) return [{ type: "error", error: chunk.error }]
    const parts: Array<Part> = []
    if (!begun) {
      begun = true
      parts.push({
        type: "response-metadata",
        id: chunk.id,
        modelId: chunk.model,
        timestamp:
          chunk.created === undefined
            ? undefined
            : DateTime.formatIso(DateTime.unsafeMake(chunk.created * 1000)),
      })
    }
    usage = chunk.usage ?? usage
    const choice = chunk.choices[0]
    parts.push(
      ...extend("reasoning", choice?.delta?.reasoning_content ?? choice?.delta?.reasoning),
      ...extend("text", choice?.delta?.content),
      ...extend("text", choice?.delta?.refusal),
      ...(choice?.delta?.tool_calls ?? []).flatMap(callPart),
    )
    finishReason = choice?.finish_reason ?? finishReason
    return parts
  }

  const callParts = (call: Call): Effect.Effect<ReadonlyArray<Part>, AiError.MalformedOutput> =>
    Effect.map(
      Effect.try({
        try: () => Tool.unsafeSecureJsonParse(call.args === "" ? "{}" : call.args),
        catch: (cause) =>
          new AiError.MalformedOutput({
            module: "ChatCompletions",
            method: "streamText",
            description: `The arguments for tool ${call.name} are not valid JSON`,
            cause,
          }),
      }),
      (params) => [
        { type: "tool-params-end", id: call.id },
        { type: "tool-call", id: call.id, name: call.name, params },
      ],
    )

  /** The calls and the finish part. An answer that was cut off has neither. */
  const end: Effect.Effect<ReadonlyArray<Part>, AiError.MalformedOutput> = Effect.suspend(() => {
    if (finishReason === undefined) return Effect.succeed([])
    const reason = calls.length > 0 && finishReason === "stop" ? "tool_calls" : finishReason
    return Effect.map(Effect.forEach(calls, callParts), (parts): ReadonlyArray<Part> => [
      ...close(),
      ...parts.flat(),
      {
        type: "finish",
        reason: reasons[reason] ?? "unknown",
        usage: {
          inputTokens: usage?.prompt_tokens,
          outputTokens: usage?.completion_tokens,
          totalTokens: usage?.total_tokens,
          reasoningTokens: usage?.completion_tokens_details?.reasoning_tokens,
          cachedInputTokens: usage?.prompt_tokens_details?.cached_tokens,
        },
      },
    ])
  })

  return { read, end }
}

/** The parts of the answer. Fails with `MalformedOutput` when the arguments of a call are not JSON. */
export const parts = <E>(chunks: Stream.Stream<Chunk, E>): Stream.Stream<Part, E | AiError.MalformedOutput> =>
  Stream.suspend(() => {
    const reader = makeReader()
    return Stream.concat(Stream.map(chunks, reader.read), Stream.fromEffect(reader.end)).pipe(
      Stream.flattenIterables,
    )
  })
