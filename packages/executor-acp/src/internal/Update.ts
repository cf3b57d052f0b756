/**
 * The updates of a session that have events of their own, read leniently: an agent may leave out what it does not have,
 * put null for it, and add what it likes.
 *
 * Source: https://agentclientprotocol.com/protocol/schema
 */
import { Option, Schema } from "effect"

const nullish = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Typed = Schema.Struct({ type: Schema.String }, { key: Schema.String, value: Schema.Unknown })

const ChunkFields = { content: Typed, messageId: nullish(Schema.String) }

const ToolCallFields = {
  toolCallId: Schema.NonEmptyString,
  title: nullish(Schema.String),
  name: nullish(Schema.String),
  kind: nullish(Schema.String),
  status: nullish(Schema.String),
  content: nullish(Schema.Array(Typed)),
  locations: nullish(Schema.Array(Schema.Unknown)),
  rawInput: Schema.optional(Schema.Unknown),
  rawOutput: Schema.optional(Schema.Unknown),
  _meta: Schema.optional(Schema.Unknown),
}

const Chunk = Schema.Struct(ChunkFields)
export type Chunk = typeof Chunk.Type

export const ToolCall = Schema.Struct(ToolCallFields)
export type ToolCall = typeof ToolCall.Type

const Plan = Schema.Struct({ entries: Schema.Array(Schema.Unknown) })
export type Plan = typeof Plan.Type

const tagged = <const Tag extends string, Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) =>
  Schema.Struct({ sessionUpdate: Schema.Literal(tag), ...fields })

const Update = Schema.Union(
  tagged("user_message_chunk", ChunkFields),
  tagged("agent_message_chunk", ChunkFields),
  tagged("agent_thought_chunk", ChunkFields),
  tagged("tool_call", ToolCallFields),
  tagged("tool_call_update", ToolCallFields),
  tagged("plan", Plan.fields),
  tagged("usage_update", { used: Schema.Number, size: Schema.Number, cost: Schema.optional(Schema.Unknown) }),
)

export const decode: (update: unknown) => Option.Option<typeof Update.Type> =
  Schema.decodeUnknownOption(Update)

const Notification = Schema.Struct({ sessionId: Schema.String, update: Schema.Unknown })

/** Whose update it is, and the update. */
export const notification: (params: unknown) => Option.Option<typeof Notification.Type> =
  Schema.decodeUnknownOption(Notification)
