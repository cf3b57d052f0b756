/**
 * A constructor for each event of AG-UI 1.0: the required fields in order, then the optional ones in an object.
 *
 * Units: `timestamp` is in milliseconds since 1970, UTC; a `delta` of text is appended as it is.
 * Source: https://docs.ag-ui.com/concepts/events
 */
import type * as Events from "./Events.js"
import type { Content, Message } from "./Messages.js"

/** The fields of an event that its constructor does not take by position. */
type Options<E extends Events.AgentEvent, Positional extends keyof E = never> = Omit<E, "type" | Positional>

/** The start of a run. The control plane writes its own and drops an executor's. */
export const runStarted = (
  threadId: string,
  runId: string,
  options?: Options<Events.RunStarted, "threadId" | "runId">,
): Events.RunStarted => ({ type: "RUN_STARTED", threadId, runId, ...options })

/** The end of a run that did not fail. `outcome` says how; `interrupt` suspends the run. */
export const runFinished = (
  threadId: string,
  runId: string,
  options?: Options<Events.RunFinished, "threadId" | "runId">,
): Events.RunFinished => ({ type: "RUN_FINISHED", threadId, runId, ...options })

/** The end of a run that failed. `message` is for people, `code` for programs. */
export const runError = (
  message: string,
  options?: Options<Events.RunError, "message">,
): Events.RunError => ({ type: "RUN_ERROR", message, ...options })

/** The start of a step. A step is identified by its name. */
export const stepStarted = (
  stepName: string,
  options?: Options<Events.StepStarted, "stepName">,
): Events.StepStarted => ({ type: "STEP_STARTED", stepName, ...options })

/** The end of the step of that name. */
export const stepFinished = (
  stepName: string,
  options?: Options<Events.StepFinished, "stepName">,
): Events.StepFinished => ({ type: "STEP_FINISHED", stepName, ...options })

/** The end of a step that has failed. `error` is (ours): clients of AG-UI are not sent it. */
export const stepFailed = (
  stepName: string,
  error: Events.StepFailure,
): Events.StepFinished & { readonly error: Events.StepFailure } => ({
  type: "STEP_FINISHED",
  stepName,
  error,
})

/** Opens a text message. */
export const textStart = (
  messageId: string,
  role: Events.TextRole = "assistant",
  options?: Options<Events.TextStart, "messageId" | "role">,
): Events.TextStart => ({ type: "TEXT_MESSAGE_START", messageId, role, ...options })

/** Appends text to an open message. */
export const textContent = (
  messageId: string,
  delta: string,
  options?: Options<Events.TextContent, "messageId" | "delta">,
): Events.TextContent => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta, ...options })

/** Closes a text message. */
export const textEnd = (
  messageId: string,
  options?: Options<Events.TextEnd, "messageId">,
): Events.TextEnd => ({ type: "TEXT_MESSAGE_END", messageId, ...options })

/** Start, content and end of a text message in one form. The first chunk of a message has its `messageId`. */
export const textChunk = (options: Options<Events.TextChunk>): Events.TextChunk => ({
  type: "TEXT_MESSAGE_CHUNK",
  ...options,
})

/** Opens a tool call. */
export const toolCallStart = (
  toolCallId: string,
  toolCallName: string,
  options?: Options<Events.ToolCallStart, "toolCallId" | "toolCallName">,
): Events.ToolCallStart => ({ type: "TOOL_CALL_START", toolCallId, toolCallName, ...options })

/** Appends to the arguments of an open tool call, which together are JSON text. */
export const toolCallArgs = (
  toolCallId: string,
  delta: string,
  options?: Options<Events.ToolCallArgs, "toolCallId" | "delta">,
): Events.ToolCallArgs => ({ type: "TOOL_CALL_ARGS", toolCallId, delta, ...options })

/** Closes a tool call: its arguments are complete. */
export const toolCallEnd = (
  toolCallId: string,
  options?: Options<Events.ToolCallEnd, "toolCallId">,
): Events.ToolCallEnd => ({ type: "TOOL_CALL_END", toolCallId, ...options })

/** Start, arguments and end of a tool call in one form. The first chunk has `toolCallId` and `toolCallName`. */
export const toolCallChunk = (options: Options<Events.ToolCallChunk>): Events.ToolCallChunk => ({
  type: "TOOL_CALL_CHUNK",
  ...options,
})

/** The result of a tool call, as the message `messageId` of role `tool`. */
export const toolCallResult = (
  messageId: string,
  toolCallId: string,
  content: Content,
  options?: Options<Events.ToolCallResult, "messageId" | "toolCallId" | "content">,
): Events.ToolCallResult => ({ type: "TOOL_CALL_RESULT", messageId, toolCallId, content, ...options })

/** The whole state that agent and client share. */
export const stateSnapshot = (
  snapshot: unknown,
  options?: Options<Events.StateSnapshot, "snapshot">,
): Events.StateSnapshot => ({ type: "STATE_SNAPSHOT", snapshot, ...options })

/** A change of the shared state, as a JSON Patch (RFC 6902). */
export const stateDelta = (
  delta: Events.StateDelta["delta"],
  options?: Options<Events.StateDelta, "delta">,
): Events.StateDelta => ({ type: "STATE_DELTA", delta, ...options })

export const messagesSnapshot = (
  messages: ReadonlyArray<Message>,
  options?: Options<Events.MessagesSnapshot, "messages">,
): Events.MessagesSnapshot => ({ type: "MESSAGES_SNAPSHOT", messages, ...options })

/** The whole of an activity message. With `replace: false` it leaves one that is there already. */
export const activitySnapshot = (
  messageId: string,
  activityType: string,
  content: Events.ActivitySnapshot["content"],
  options?: Options<Events.ActivitySnapshot, "messageId" | "activityType" | "content">,
): Events.ActivitySnapshot => ({ type: "ACTIVITY_SNAPSHOT", messageId, activityType, content, ...options })

/** A change of an activity message, as a JSON Patch (RFC 6902). */
export const activityDelta = (
  messageId: string,
  activityType: string,
  patch: Events.ActivityDelta["patch"],
  options?: Options<Events.ActivityDelta, "messageId" | "activityType" | "patch">,
): Events.ActivityDelta => ({ type: "ACTIVITY_DELTA", messageId, activityType, patch, ...options })

/** Opens a phase of reasoning, which holds messages of reasoning. */
export const reasoningStart = (
  messageId: string,
  options?: Options<Events.ReasoningStart, "messageId">,
): Events.ReasoningStart => ({ type: "REASONING_START", messageId, ...options })

/** Opens a message of reasoning. */
export const reasoningMessageStart = (
  messageId: string,
  options?: Options<Events.ReasoningMessageStart, "messageId" | "role">,
): Events.ReasoningMessageStart => ({
  type: "REASONING_MESSAGE_START",
  messageId,
  role: "reasoning",
  ...options,
})

/** Appends text to an open message of reasoning. */
export const reasoningMessageContent = (
  messageId: string,
  delta: string,
  options?: Options<Events.ReasoningMessageContent, "messageId" | "delta">,
): Events.ReasoningMessageContent => ({ type: "REASONING_MESSAGE_CONTENT", messageId, delta, ...options })

/** Closes a message of reasoning. */
export const reasoningMessageEnd = (
  messageId: string,
  options?: Options<Events.ReasoningMessageEnd, "messageId">,
): Events.ReasoningMessageEnd => ({ type: "REASONING_MESSAGE_END", messageId, ...options })

/** Start, content and end of a message of reasoning in one form. The first chunk has its `messageId`. */
export const reasoningMessageChunk = (
  options: Options<Events.ReasoningMessageChunk>,
): Events.ReasoningMessageChunk => ({ type: "REASONING_MESSAGE_CHUNK", ...options })

/** Closes a phase of reasoning. */
export const reasoningEnd = (
  messageId: string,
  options?: Options<Events.ReasoningEnd, "messageId">,
): Events.ReasoningEnd => ({ type: "REASONING_END", messageId, ...options })

/** Reasoning that only the model's provider can read, of the tool call or the message `entityId`. */
export const reasoningEncryptedValue = (
  subtype: Events.ReasoningEncryptedValue["subtype"],
  entityId: string,
  encryptedValue: string,
  options?: Options<Events.ReasoningEncryptedValue, "subtype" | "entityId" | "encryptedValue">,
): Events.ReasoningEncryptedValue => ({
  type: "REASONING_ENCRYPTED_VALUE",
  subtype,
  entityId,
  encryptedValue,
  ...options,
})

/** The start of a subagent. Events that it causes carry its `subagentRunId`. */
export const subagentStarted = (
  subagentRunId: string,
  name: string,
  options?: Options<Events.SubagentStarted, "subagentRunId" | "name">,
): Events.SubagentStarted => ({ type: "SUBAGENT_STARTED", subagentRunId, name, ...options })

/** The end of a subagent that did not fail. */
export const subagentFinished = (
  subagentRunId: string,
  options?: Options<Events.SubagentFinished, "subagentRunId">,
): Events.SubagentFinished => ({ type: "SUBAGENT_FINISHED", subagentRunId, ...options })

/** The end of a subagent that failed. The run itself continues. */
export const subagentError = (
  subagentRunId: string,
  message: string,
  options?: Options<Events.SubagentError, "subagentRunId" | "message">,
): Events.SubagentError => ({ type: "SUBAGENT_ERROR", subagentRunId, message, ...options })

/** An event of another protocol, whole. `source` names where it comes from. */
export const raw = (event: unknown, options?: Options<Events.Raw, "event">): Events.Raw => ({
  type: "RAW",
  event,
  ...options,
})

/** An event of a name that AG-UI does not have. */
export const custom = (
  name: string,
  value: unknown,
  options?: Options<Events.Custom, "name" | "value">,
): Events.Custom => ({ type: "CUSTOM", name, value, ...options })
