/** What the schema of AG-UI has a place for: nothing else is sent to an agent, which may refuse it. */
import {
  ActivityMessageSchema,
  AssistantMessageSchema,
  AudioPartSchema,
  DataSourceSchema,
  DeveloperMessageSchema,
  DocumentPartSchema,
  FileSourceSchema,
  ImagePartSchema,
  ReasoningMessageSchema,
  SystemMessageSchema,
  TextPartSchema,
  ToolCallSchema,
  ToolMessageSchema,
  ToolSchema,
  UrlSourceSchema,
  UserMessageSchema,
  VideoPartSchema,
} from "@ag-ui/core/schemas"
import { Predicate } from "effect"

type Json = Readonly<Record<string, unknown>>

interface ObjectSchema {
  readonly shape: object
}

/** The fields of the record that the schema describes and that are not null. */
const only = (record: Json, schema: ObjectSchema): Json =>
  Object.fromEntries(
    Object.entries(record).filter(([key, value]) => value !== null && Object.hasOwn(schema.shape, key)),
  )

const variant = (schemas: Readonly<Record<string, ObjectSchema>>, name: unknown): ObjectSchema | undefined =>
  typeof name === "string" && Object.hasOwn(schemas, name) ? schemas[name] : undefined

const sources = { data: DataSourceSchema, url: UrlSourceSchema, file: FileSourceSchema }

const parts = {
  text: TextPartSchema,
  image: ImagePartSchema,
  audio: AudioPartSchema,
  video: VideoPartSchema,
  document: DocumentPartSchema,
}

const messages = {
  developer: DeveloperMessageSchema,
  system: SystemMessageSchema,
  assistant: AssistantMessageSchema,
  user: UserMessageSchema,
  tool: ToolMessageSchema,
  reasoning: ReasoningMessageSchema,
  activity: ActivityMessageSchema,
}

const partOf = (part: unknown): ReadonlyArray<unknown> => {
  if (!Predicate.isRecord(part)) return [part]
  const schema = variant(parts, part["type"])
  if (schema === undefined) return []
  const { source } = part
  if (!Predicate.isRecord(source)) return [only(part, schema)]
  const ofSource = variant(sources, source["type"])
  return ofSource === undefined ? [] : [{ ...only(part, schema), source: only(source, ofSource) }]
}

/** A message, or nothing where it is an activity, which the front end keeps for itself. */
export const message = (given: Json): ReadonlyArray<Json> => {
  const schema = variant(messages, given["role"])
  if (schema === undefined || given["role"] === "activity") return []
  const { content, toolCalls } = given
  return [
    {
      ...only(given, schema),
      ...(Array.isArray(content) ? { content: content.flatMap(partOf) } : {}),
      ...(Array.isArray(toolCalls)
        ? {
            toolCalls: toolCalls.map((call: unknown) =>
              Predicate.isRecord(call) ? only(call, ToolCallSchema) : call,
            ),
          }
        : {}),
    },
  ]
}

export const tool = (given: unknown): unknown => (Predicate.isRecord(given) ? only(given, ToolSchema) : given)
