/**
 * The messages of AG-UI 1.0, as its events carry them.
 *
 * Type aliases, so that each is assignable to an open record.
 *
 * Source: https://docs.ag-ui.com/concepts/messages
 */

/** Extra information under keys of the writer's own. */
export type Metadata = Readonly<Record<string, unknown>>

/** Where the content of a part is: `data` is Base64, `url` an address, `file` the id of a file at its provider. */
export type PartSource =
  | { readonly type: "data"; readonly value: string; readonly mimeType: string }
  | { readonly type: "url"; readonly value: string; readonly mimeType?: string }
  | { readonly type: "file"; readonly value: string; readonly provider?: string; readonly mimeType?: string }

type MediaPart<Type extends string> = {
  readonly type: Type
  readonly id?: string
  readonly source: PartSource
  readonly metadata?: unknown
}

/** A part of a message that is more than text. */
export type ContentPart =
  | { readonly type: "text"; readonly id?: string; readonly text: string; readonly metadata?: unknown }
  | MediaPart<"image">
  | MediaPart<"audio">
  | MediaPart<"video">
  | MediaPart<"document">

/** Text, or text and media in parts. */
export type Content = string | ReadonlyArray<ContentPart>

/** A tool call of an assistant's message. `arguments` is JSON text. */
export type ToolCall = {
  readonly id: string
  readonly type: "function"
  readonly function: { readonly name: string; readonly arguments: string }
  readonly encryptedValue?: string
  readonly metadata?: Metadata
}

type MessageBase = {
  readonly id: string
  readonly subagentRunId?: string
  readonly metadata?: Metadata
}

type NamedMessage = MessageBase & {
  readonly name?: string
  readonly encryptedValue?: string
}

/** A message of a conversation, by its `role`. */
export type Message =
  | (NamedMessage & { readonly role: "developer"; readonly content: string })
  | (NamedMessage & { readonly role: "system"; readonly content: string })
  | (NamedMessage & {
      readonly role: "assistant"
      readonly content?: string
      readonly toolCalls?: ReadonlyArray<ToolCall>
    })
  | (NamedMessage & { readonly role: "user"; readonly content: Content })
  | (MessageBase & {
      readonly role: "tool"
      readonly content: Content
      readonly toolCallId: string
      readonly error?: string
      readonly encryptedValue?: string
    })
  | (MessageBase & {
      readonly role: "activity"
      readonly activityType: string
      readonly content: Readonly<Record<string, unknown>>
    })
  | (MessageBase & { readonly role: "reasoning"; readonly content: string; readonly encryptedValue?: string })

/** What a client sends to start a run. */
export type RunInput = {
  readonly threadId: string
  readonly runId: string
  readonly protocolVersion?: string
  readonly parentRunId?: string
  readonly state?: unknown
  readonly messages: ReadonlyArray<Message>
  readonly tools: ReadonlyArray<{
    readonly name: string
    readonly description: string
    readonly parameters?: unknown
    readonly metadata?: Metadata
  }>
  readonly context: ReadonlyArray<{ readonly description: string; readonly value: string }>
  readonly forwardedProps?: unknown
  readonly resume?: ReadonlyArray<{
    readonly interruptId: string
    readonly status: "resolved" | "cancelled"
    readonly payload?: unknown
    readonly metadata?: Metadata
  }>
}
