/**
 * The events of AG-UI 1.0, a union by `type`.
 *
 * Type aliases, so that each is assignable to the open form that a log keeps (`AgentEvent.LogEvent`).
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
import type { Types } from "effect"
import type { Content, Message, Metadata, RunInput } from "./Messages.js"

/** `timestamp`: milliseconds since 1970, UTC. `rawEvent`: the event of another protocol that this one was made from. */
type Base<Type extends string> = {
  readonly type: Type
  readonly timestamp?: number
  readonly rawEvent?: unknown
  readonly metadata?: Metadata
}

type RunEvent<Type extends string, Fields> = Types.Simplify<Base<Type> & Fields>

/** An event that a subagent may have caused; `subagentRunId` names it. */
type Event<Type extends string, Fields> = RunEvent<Type, { readonly subagentRunId?: string } & Fields>

/** Tokens that one model used. */
export type TokenUsage = {
  readonly provider?: string
  readonly model?: string
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly totalTokens?: number
  readonly reasoningTokens?: number
  readonly cachedInputTokens?: number
  readonly cacheWriteInputTokens?: number
}

/** One thing that a run waits for, as RUN_FINISHED carries it. `expiresAt`: ISO 8601. */
export type RunInterrupt = {
  readonly id: string
  readonly reason: string
  readonly message?: string
  readonly toolCallId?: string
  readonly responseSchema?: Readonly<Record<string, unknown>>
  readonly expiresAt?: string
  readonly metadata?: Metadata
  readonly subagentRunId?: string
}

/** How a run ended that did not fail. */
export type RunOutcome =
  | { readonly type: "success"; readonly pendingToolCallIds?: ReadonlyArray<string> }
  | { readonly type: "interrupt"; readonly interrupts: ReadonlyArray<RunInterrupt> }
  | { readonly type: "cancelled" }

/** How a subagent ended that did not fail. */
export type SubagentOutcome =
  | { readonly type: "success" }
  | { readonly type: "suspended"; readonly interruptIds?: ReadonlyArray<string> }

/** One operation of a JSON Patch (RFC 6902). `path` and `from` are JSON Pointers. */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string }

export type TextRole = "developer" | "system" | "assistant" | "user"

export type RunStarted = RunEvent<
  "RUN_STARTED",
  {
    readonly threadId: string
    readonly runId: string
    readonly protocolVersion?: string
    readonly parentRunId?: string
    readonly input?: RunInput
  }
>
export type RunFinished = RunEvent<
  "RUN_FINISHED",
  {
    readonly threadId: string
    readonly runId: string
    readonly result?: unknown
    readonly outcome?: RunOutcome
    readonly usage?: ReadonlyArray<TokenUsage>
  }
>
export type RunError = RunEvent<
  "RUN_ERROR",
  { readonly message: string; readonly code?: string; readonly usage?: ReadonlyArray<TokenUsage> }
>
export type StepStarted = Event<"STEP_STARTED", { readonly stepName: string }>
export type StepFinished = Event<"STEP_FINISHED", { readonly stepName: string }>
/** Why a step has failed. A failure whose text is sealed has neither. */
export type StepFailure = { readonly message?: string; readonly code?: string }
export type TextStart = Event<
  "TEXT_MESSAGE_START",
  { readonly messageId: string; readonly role?: TextRole; readonly name?: string }
>
export type TextContent = Event<
  "TEXT_MESSAGE_CONTENT",
  { readonly messageId: string; readonly delta: string }
>
export type TextEnd = Event<"TEXT_MESSAGE_END", { readonly messageId: string }>
export type TextChunk = Event<
  "TEXT_MESSAGE_CHUNK",
  { readonly messageId?: string; readonly role?: TextRole; readonly delta?: string; readonly name?: string }
>
export type ToolCallStart = Event<
  "TOOL_CALL_START",
  { readonly toolCallId: string; readonly toolCallName: string; readonly parentMessageId?: string }
>
export type ToolCallArgs = Event<"TOOL_CALL_ARGS", { readonly toolCallId: string; readonly delta: string }>
export type ToolCallEnd = Event<"TOOL_CALL_END", { readonly toolCallId: string }>
export type ToolCallChunk = Event<
  "TOOL_CALL_CHUNK",
  {
    readonly toolCallId?: string
    readonly toolCallName?: string
    readonly parentMessageId?: string
    readonly delta?: string
  }
>
export type ToolCallResult = Event<
  "TOOL_CALL_RESULT",
  {
    readonly messageId: string
    readonly toolCallId: string
    readonly content: Content
    readonly role?: "tool"
  }
>
export type StateSnapshot = Event<"STATE_SNAPSHOT", { readonly snapshot: unknown }>
export type StateDelta = Event<"STATE_DELTA", { readonly delta: ReadonlyArray<JsonPatchOperation> }>
export type MessagesSnapshot = RunEvent<"MESSAGES_SNAPSHOT", { readonly messages: ReadonlyArray<Message> }>
export type ActivitySnapshot = Event<
  "ACTIVITY_SNAPSHOT",
  {
    readonly messageId: string
    readonly activityType: string
    readonly content: Readonly<Record<string, unknown>>
    readonly replace?: boolean
  }
>
export type ActivityDelta = Event<
  "ACTIVITY_DELTA",
  {
    readonly messageId: string
    readonly activityType: string
    readonly patch: ReadonlyArray<JsonPatchOperation>
  }
>
export type ReasoningStart = Event<"REASONING_START", { readonly messageId: string }>
export type ReasoningMessageStart = Event<
  "REASONING_MESSAGE_START",
  { readonly messageId: string; readonly role: "reasoning" }
>
export type ReasoningMessageContent = Event<
  "REASONING_MESSAGE_CONTENT",
  { readonly messageId: string; readonly delta: string }
>
export type ReasoningMessageEnd = Event<"REASONING_MESSAGE_END", { readonly messageId: string }>
export type ReasoningMessageChunk = Event<
  "REASONING_MESSAGE_CHUNK",
  { readonly messageId?: string; readonly delta?: string }
>
export type ReasoningEnd = Event<"REASONING_END", { readonly messageId: string }>
export type ReasoningEncryptedValue = Event<
  "REASONING_ENCRYPTED_VALUE",
  {
    readonly subtype: "tool-call" | "message"
    readonly entityId: string
    readonly encryptedValue: string
  }
>
export type SubagentStarted = RunEvent<
  "SUBAGENT_STARTED",
  {
    readonly subagentRunId: string
    readonly name: string
    readonly description?: string
    readonly parentSubagentRunId?: string
    readonly parentToolCallId?: string
    readonly parentMessageId?: string
  }
>
export type SubagentFinished = RunEvent<
  "SUBAGENT_FINISHED",
  { readonly subagentRunId: string; readonly result?: unknown; readonly outcome?: SubagentOutcome }
>
export type SubagentError = RunEvent<
  "SUBAGENT_ERROR",
  { readonly subagentRunId: string; readonly message: string; readonly code?: string }
>
export type Raw = Event<"RAW", { readonly event: unknown; readonly source?: string }>
export type Custom = Event<"CUSTOM", { readonly name: string; readonly value: unknown }>

/**
 * An event of AG-UI 1.0, by its `type`. `AgentEvent` has a constructor for each. What AG-UI has no type for is a CUSTOM
 * event (`AgentEvent.custom`), or an event of another protocol in a RAW event (`AgentEvent.raw`).
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */
export type AgentEvent =
  | RunStarted
  | RunFinished
  | RunError
  | StepStarted
  | StepFinished
  | TextStart
  | TextContent
  | TextEnd
  | TextChunk
  | ToolCallStart
  | ToolCallArgs
  | ToolCallEnd
  | ToolCallChunk
  | ToolCallResult
  | StateSnapshot
  | StateDelta
  | MessagesSnapshot
  | ActivitySnapshot
  | ActivityDelta
  | ReasoningStart
  | ReasoningMessageStart
  | ReasoningMessageContent
  | ReasoningMessageEnd
  | ReasoningMessageChunk
  | ReasoningEnd
  | ReasoningEncryptedValue
  | SubagentStarted
  | SubagentFinished
  | SubagentError
  | Raw
  | Custom
