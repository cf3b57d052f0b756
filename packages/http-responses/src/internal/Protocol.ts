/**
 * What OpenAI Responses sends and takes, as JSON.
 *
 * Source: https://platform.openai.com/docs/api-reference/responses; the OpenAPI document of Open Responses
 */
import { Ids } from "@runlease/core"
import { Either, ParseResult, Schema } from "effect"
import * as Errors from "./Errors.js"

/** A field that is null is as absent. */
export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

const Fields = Schema.Record({ key: Schema.String, value: Schema.Unknown })

export const Tool = Schema.Struct({
  type: Schema.String,
  name: Schema.String.pipe(Schema.minLength(1)),
  description: optional(Schema.String),
  parameters: optional(Fields),
  strict: optional(Schema.Boolean),
})
export type Tool = typeof Tool.Type

/** A request for a response. Fields that are not here are passed to the agent as they are. */
export const CreateResponse = Schema.Struct(
  {
    model: Ids.NewAgentId,
    instructions: optional(Schema.String),
    previous_response_id: optional(Schema.String),
    tools: optional(Schema.Array(Schema.Unknown)),
    tool_choice: optional(Schema.Union(Schema.String, Fields)),
    stream: optional(Schema.Boolean),
    background: optional(Schema.Boolean),
    store: optional(Schema.Boolean),
    metadata: optional(Schema.Record({ key: Schema.String, value: Schema.String })),
    text: optional(Fields),
    reasoning: optional(Fields),
    temperature: optional(Schema.Number),
    top_p: optional(Schema.Number),
    top_logprobs: optional(Schema.Number),
    presence_penalty: optional(Schema.Number),
    frequency_penalty: optional(Schema.Number),
    max_output_tokens: optional(Schema.Number),
    max_tool_calls: optional(Schema.Number),
    parallel_tool_calls: optional(Schema.Boolean),
    truncation: optional(Schema.String),
    service_tier: optional(Schema.String),
    safety_identifier: optional(Schema.String),
    prompt_cache_key: optional(Schema.String),
  },
  Fields,
)
export type CreateResponse = typeof CreateResponse.Type

/** The fields of a request that the run remembers: without `input` and `stream`. */
export type Settings = CreateResponse

/** The address of a value in a request: `input[0].content[1].type`. */
const join = (at: string, path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>(
    (before, part) =>
      typeof part === "number"
        ? `${before}[${part}]`
        : before === ""
          ? String(part)
          : `${before}.${String(part)}`,
    at,
  )

/** A value of a request, or what is wrong with it. `at`: its address. */
export const decode = <A, I>(
  schema: Schema.Schema<A, I>,
  value: unknown,
  at: string,
): Either.Either<A, Errors.ResponsesError> =>
  Either.mapLeft(Schema.decodeUnknownEither(schema)(value), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = join(at, issue?.path ?? [])
    return Errors.invalid(field === "" ? "body" : field, issue?.message ?? "is malformed")
  })

interface OutputText {
  readonly type: "output_text"
  readonly text: string
  readonly annotations: ReadonlyArray<never>
  readonly logprobs: ReadonlyArray<never>
}

export const outputText = (text: string): OutputText => ({
  type: "output_text",
  text,
  annotations: [],
  logprobs: [],
})

export type ItemStatus = "in_progress" | "completed" | "incomplete"

/** The items of a response, in order. */
export type Item =
  | {
      readonly type: "message"
      readonly id: string
      readonly status: ItemStatus
      readonly role: "assistant"
      readonly content: ReadonlyArray<OutputText>
    }
  | {
      readonly type: "function_call"
      readonly id: string
      readonly status: ItemStatus
      readonly call_id: string
      readonly name: string
      readonly arguments: string
    }
  | {
      readonly type: "function_call_output"
      readonly id: string
      readonly status: ItemStatus
      readonly call_id: string
      readonly output: string
    }
  | {
      readonly type: "reasoning"
      readonly id: string
      readonly status: ItemStatus
      readonly summary: ReadonlyArray<never>
      readonly content: ReadonlyArray<{ readonly type: "reasoning_text"; readonly text: string }>
    }

export interface Usage {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly total_tokens: number
  readonly input_tokens_details: { readonly cached_tokens: number }
  readonly output_tokens_details: { readonly reasoning_tokens: number }
}

export type Status = "queued" | "in_progress" | "completed" | "failed" | "cancelled" | "incomplete"

/** The fields of a response that change; the others are those of its request. */
export interface Progress {
  readonly status: Status
  readonly completed_at: number | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly incomplete_details: { readonly reason: string } | null
  readonly output: ReadonlyArray<Item>
  readonly usage: Usage | null
}

export interface Response extends Progress {
  readonly id: string
  readonly object: "response"
  readonly created_at: number
  readonly background: boolean
  readonly [field: string]: unknown
}

export interface StreamEvent {
  readonly type: string
  readonly sequence_number: number
  readonly response?: Response
  readonly [field: string]: unknown
}
