/**
 * Logs as anyone may append them.
 */
import { type AgentEvent, ControlEvents, LogState } from "@runlease/core"
import * as ChildEvent from "@runlease/core/ChildEvent"
import { FastCheck } from "effect"
import { subject } from "./Clients.js"

type Event = AgentEvent.LogEvent

/** A log as a store keeps it: what outsiders appended, and then the end of the run. */
export const ended = (
  events: ReadonlyArray<Event>,
  status: "completed" | "failed" | "cancelled" = "completed",
): ReadonlyArray<Event> => [
  ...events,
  ...ControlEvents.ended(
    { runId: subject.runId, conversationId: subject.threadId },
    LogState.afterAll(LogState.initial, events),
    { status },
  ),
]

const id = FastCheck.constantFrom("a", "b", "s")
const tag = FastCheck.constantFrom(
  {},
  {},
  {},
  { subagentRunId: "s" },
  { subagentRunId: "a" },
  { subagentRunId: null },
)
const any = (event: Record<string, unknown>, ...fields: ReadonlyArray<string>) =>
  FastCheck.tuple(tag, ...fields.map(() => id)).map(
    ([tagged, ...ids]) =>
      Object.assign(
        {},
        event,
        Object.fromEntries(fields.map((field, i) => [field, ids[i]])),
        tagged,
      ) as Event,
  )
/** Any event, in an order that makes no sense. */
export const anyEvent = FastCheck.oneof(
  any({ type: "TEXT_MESSAGE_START", role: "assistant" }, "messageId"),
  any({ type: "TEXT_MESSAGE_CONTENT", delta: "x" }, "messageId"),
  any({ type: "TEXT_MESSAGE_END" }, "messageId"),
  any({ type: "TEXT_MESSAGE_CHUNK", delta: "x" }, "messageId"),
  any({ type: "TEXT_MESSAGE_CHUNK", delta: "x" }),
  any({ type: "TEXT_MESSAGE_CHUNK", delta: "", metadata: { a: 1 } }),
  any({ type: "TEXT_MESSAGE_CHUNK", role: "user" }, "messageId"),
  any({ type: "REASONING_MESSAGE_CHUNK", metadata: { a: 1 } }),
  any({ type: "RAW", event: {} }),
  any({ type: "TOOL_CALL_START", toolCallName: "t" }, "toolCallId"),
  any({ type: "TOOL_CALL_START", toolCallName: "t" }, "toolCallId", "parentMessageId"),
  any({ type: "TOOL_CALL_ARGS", delta: "x" }, "toolCallId"),
  any({ type: "TOOL_CALL_END" }, "toolCallId"),
  any({ type: "TOOL_CALL_CHUNK", delta: "x" }, "toolCallId"),
  any({ type: "TOOL_CALL_CHUNK", toolCallName: "t" }, "toolCallId", "parentMessageId"),
  any({ type: "TOOL_CALL_CHUNK", delta: "x" }),
  any({ type: "TOOL_CALL_RESULT", content: "x" }, "messageId", "toolCallId"),
  any({ type: "TOOL_CALL_RESULT", content: [{ type: "text", text: "x" }] }, "messageId", "toolCallId"),
  any({ type: "CUSTOM", name: ControlEvents.attemptEventName, value: {} }),
  any({ type: "STEP_STARTED" }, "stepName"),
  any({ type: "STEP_FINISHED" }, "stepName"),
  any({ type: "REASONING_START" }, "messageId"),
  any({ type: "REASONING_MESSAGE_START", role: "reasoning" }, "messageId"),
  any({ type: "REASONING_MESSAGE_CONTENT", delta: "x" }, "messageId"),
  any({ type: "REASONING_MESSAGE_END" }, "messageId"),
  any({ type: "REASONING_MESSAGE_CHUNK", delta: "x" }, "messageId"),
  any({ type: "REASONING_END" }, "messageId"),
  any({ type: "REASONING_ENCRYPTED_VALUE", subtype: "message", encryptedValue: "x" }, "entityId"),
  any({ type: "REASONING_ENCRYPTED_VALUE", subtype: "tool-call", encryptedValue: "x" }, "entityId"),
  any({ type: "SUBAGENT_STARTED", name: "n" }, "subagentRunId"),
  any({ type: "SUBAGENT_STARTED", name: "n" }, "subagentRunId", "parentSubagentRunId"),
  any({ type: "SUBAGENT_FINISHED" }, "subagentRunId"),
  any({ type: "SUBAGENT_FINISHED", outcome: { type: "suspended", interruptIds: null } }, "subagentRunId"),
  any({ type: "SUBAGENT_ERROR", message: "x" }, "subagentRunId"),
  any({ type: "ACTIVITY_SNAPSHOT", activityType: "t", content: {}, replace: false }, "messageId"),
  any({ type: "ACTIVITY_SNAPSHOT", activityType: "t", content: {} }, "messageId"),
  any({ type: "ACTIVITY_DELTA", activityType: "t", patch: [] }, "messageId"),
  any({
    type: "MESSAGES_SNAPSHOT",
    messages: [{ id: "a", role: "assistant", content: "x", subagentRunId: "s" }],
  }),
  any({ type: "RUN_STARTED", threadId: "thread", runId: "run" }),
  any({
    type: "RUN_STARTED",
    threadId: "thread",
    runId: "run",
    input: {
      threadId: "thread",
      runId: "run",
      messages: [{ id: "b", role: "user", content: "x" }],
      tools: [],
      context: [],
    },
  }),
  id.map((runId) => ChildEvent.spawned({ runId, agentId: "n", index: 0, stepId: "0", name: "step" })),
  id.map((runId) => ChildEvent.ended({ runId, agentId: "n", index: 0 }, { status: "completed" })),
  FastCheck.constant({
    type: "RUN_FINISHED",
    threadId: "thread",
    runId: "run",
    outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "approval" }] },
  }),
  any({ type: "UNKNOWN" }),
  any({ type: "TEXT_MESSAGE_START" }),
  any({ type: "STATE_DELTA", delta: "not an array" }),
  any({ type: "__proto__" }),
)
