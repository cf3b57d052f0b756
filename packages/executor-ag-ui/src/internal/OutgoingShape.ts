/** Removes fields that the schema of AG-UI does not have, since an agent may refuse them. */
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

/** The fields that the schema describes and that are not null. */
const pickFields = (record: Json, schema: ObjectSchema): Json =>
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
  if (!Predicate.isRecord(source)) return [pickFields(part, schema)]
  const ofSource = variant(sources, source["type"])
  return ofSource === undefined ? [] : [{ ...pickFields(part, schema), source: pickFields(source, ofSource) }]
}

/** The message, or nothing if it is an activity, which is for the front end only. */
export const message = (value: Json): ReadonlyArray<Json> => {
  const schema = variant(messages, value["role"])
  if (schema === undefined || value["role"] === "activity") return []
  const { content, toolCalls } = value
  return [
    {
      ...pickFields(value, schema),
      ...(Array.isArray(content) ? { content: content.flatMap(partOf) } : {}),
      ...(Array.isArray(toolCalls)
        ? {
            toolCalls: toolCalls.map((call: unknown) =>
              Predicate.isRecord(call) ? pickFields(call, ToolCallSchema) : call,
            ),
          }
        : {}),
    },
  ]
}

export const tool = (value: unknown): unknown =>
  Predicate.isRecord(value) ? pickFields(value, ToolSchema) : value
