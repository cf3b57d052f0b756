/**
 * What A2A 1.0 sends and takes, as JSON. Fields that it does not have are ignored, as it requires.
 *
 * Source: https://a2a-protocol.org/v1.0.0/specification, sections 3.2 and 4; specification/a2a.proto
 */
import { Schema } from "effect"

/** The version that is served. A patch version says nothing. */
export const version = "1.0"

const Metadata = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** A field of Protocol Buffers: null, and the default of its type, are as absent. */
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

const name = Schema.String.pipe(Schema.maxLength(1000))

export const TaskState = Schema.Literal(
  "TASK_STATE_SUBMITTED",
  "TASK_STATE_WORKING",
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_INPUT_REQUIRED",
  "TASK_STATE_REJECTED",
  "TASK_STATE_AUTH_REQUIRED",
)
export type TaskState = typeof TaskState.Type

/** Text, bytes as base64, the address of a file, or JSON: exactly one of these. */
export const Part = Schema.Struct({
  text: optional(Schema.String),
  raw: optional(Schema.String),
  url: optional(Schema.String),
  data: Schema.optional(Schema.Unknown),
  metadata: optional(Metadata),
  filename: optional(Schema.String),
  mediaType: optional(Schema.String),
}).pipe(
  Schema.filter(
    (part) =>
      [part.text, part.raw, part.url, part.data].filter((content) => content !== undefined).length === 1 ||
      "must have exactly one of text, raw, url and data",
  ),
)
export type Part = typeof Part.Type

export const Message = Schema.Struct({
  messageId: name.pipe(Schema.minLength(1)),
  contextId: optional(name),
  taskId: optional(name),
  role: Schema.Literal("ROLE_USER"),
  parts: Schema.NonEmptyArray(Part),
  metadata: optional(Metadata),
  extensions: optional(Schema.Array(Schema.String)),
  referenceTaskIds: optional(Schema.Array(Schema.String)),
})
export type Message = typeof Message.Type

const historyLength = optional(Schema.NonNegativeInt)

export const SendMessageRequest = Schema.Struct({
  message: Message,
  configuration: optional(
    Schema.Struct({
      acceptedOutputModes: optional(Schema.Array(Schema.String)),
      taskPushNotificationConfig: optional(Schema.Unknown),
      historyLength,
      returnImmediately: optional(Schema.Boolean),
    }),
  ),
  metadata: optional(Metadata),
})
export type SendMessageRequest = typeof SendMessageRequest.Type

/** Of `GetTask`, `CancelTask` and `SubscribeToTask`. */
export const TaskRequest = Schema.Struct({ id: name.pipe(Schema.minLength(1)), historyLength })
export type TaskRequest = typeof TaskRequest.Type

export const defaultPageSize = 50

export const ListTasksRequest = Schema.Struct({
  contextId: optional(name),
  status: optional(Schema.Union(TaskState, Schema.Literal("TASK_STATE_UNSPECIFIED"))),
  pageSize: optional(Schema.Int.pipe(Schema.between(1, 100))),
  pageToken: optional(Schema.String),
  historyLength,
  statusTimestampAfter: optional(Schema.DateTimeUtc),
  includeArtifacts: optional(Schema.Boolean),
})
export type ListTasksRequest = typeof ListTasksRequest.Type

/** A message of a task: of the client, or a question of the agent. */
export interface TaskMessage {
  readonly messageId: string
  readonly contextId: string
  readonly taskId: string
  readonly role: "ROLE_USER" | "ROLE_AGENT"
  readonly parts: ReadonlyArray<Part>
  readonly metadata?: unknown
}

export interface TaskStatus {
  readonly state: TaskState
  readonly message?: TaskMessage
  readonly timestamp: string
}

export interface Artifact {
  readonly artifactId: string
  readonly name?: string
  readonly parts: ReadonlyArray<Part>
  readonly metadata?: unknown
}

export interface Task {
  readonly id: string
  readonly contextId: string
  readonly status: TaskStatus
  readonly artifacts?: ReadonlyArray<Artifact>
  readonly history?: ReadonlyArray<TaskMessage>
  readonly metadata?: unknown
}

/** One element of a stream. */
export type StreamResponse =
  | { readonly task: Task }
  | {
      readonly statusUpdate: {
        readonly taskId: string
        readonly contextId: string
        readonly status: TaskStatus
      }
    }
  | {
      readonly artifactUpdate: {
        readonly taskId: string
        readonly contextId: string
        readonly artifact: Artifact
        readonly append: boolean
        readonly lastChunk: boolean
      }
    }
