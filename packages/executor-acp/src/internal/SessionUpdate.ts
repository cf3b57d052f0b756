/**
 * Decodes the updates of a session that have their own events.
 *
 * Decoding is lenient, as in the protocol's schema. An optional field may be absent, null or malformed, which all count as
 * absent. A malformed item of a list is left out. Further fields are accepted.
 *
 * Source: https://agentclientprotocol.com/protocol/schema
 */
import { Either, Option, Predicate, Schema } from "effect"

const optional = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(Schema.NullOr(schema).annotations({ decodingFallback: () => Either.right(null) }))

const Meta = optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

const open = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields, { key: Schema.String, value: Schema.Unknown })

/** A list without its malformed items. */
const items = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.transform(Schema.Array(Schema.Unknown), Schema.Array(Schema.typeSchema(item)), {
    strict: true,
    decode: (all) => all.filter(Schema.is(item)),
    encode: (all) => all,
  })

const Typed = open({ type: Schema.String })
type Typed = typeof Typed.Type

/** The required fields of each content type of the protocol. */
const requirements: Readonly<Record<string, (content: Typed) => boolean>> = {
  content: ({ content }) => Schema.is(Typed)(content),
  diff: ({ newText, path }) => Predicate.isString(path) && Predicate.isString(newText),
  terminal: ({ terminalId }) => Predicate.isString(terminalId),
}

const ToolCallContent = Typed.pipe(
  Schema.filter(
    (content) => !Object.hasOwn(requirements, content.type) || requirements[content.type]!(content),
  ),
)

const ChunkFields = { content: Typed, messageId: optional(Schema.String), _meta: Meta }

const ToolCallFields = {
  toolCallId: Schema.String,
  title: optional(Schema.String),
  name: optional(Schema.String),
  kind: optional(Schema.String),
  status: optional(Schema.String),
  content: optional(items(ToolCallContent)),
  locations: optional(items(open({ path: Schema.String }))),
  rawInput: Schema.optional(Schema.Unknown),
  rawOutput: Schema.optional(Schema.Unknown),
  _meta: Meta,
}

const Chunk = Schema.Struct(ChunkFields)
export type Chunk = typeof Chunk.Type

const ToolCall = Schema.Struct(ToolCallFields)
export type ToolCall = typeof ToolCall.Type

/** A plan. A missing or malformed list of entries counts as empty. */
const Plan = Schema.Struct({
  entries: items(open({ content: Schema.String })).annotations({ decodingFallback: () => Either.right([]) }),
})
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
  tagged("usage_update", {
    used: Schema.Number,
    size: Schema.Number,
    cost: optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  }),
)

export const decode: (update: unknown) => Option.Option<typeof Update.Type> =
  Schema.decodeUnknownOption(Update)

const Notification = Schema.Struct({ sessionId: Schema.String, update: Schema.Unknown })

/** The session's id, and the update. */
export const notification: (params: unknown) => Option.Option<typeof Notification.Type> =
  Schema.decodeUnknownOption(Notification)
