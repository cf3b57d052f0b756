/**
 * Streams that a consumer of AG-UI 1.0 may accept, and streams that it must reject, one for each rule of the specification.
 *
 * The reference client must agree with each verdict (`StreamRules.test.ts`).
 *
 * Source: https://docs.ag-ui.com/spec/1.0
 */
import type { Event } from "./Peer.js"

/** The ids of the requested thread and run. */
export interface Requested {
  readonly threadId: string
  readonly runId: string
}

/** A stream of a remote agent. */
export interface Case {
  readonly events: (requested: Requested) => ReadonlyArray<Event>
}

export interface Accepted extends Case {
  /** The types of the events that the run's log gets, in order. */
  readonly types: ReadonlyArray<string>
}

export interface Rejected extends Case {
  /** Text that the failure's message contains. */
  readonly problem: string
}

const started = (requested: Requested, more: Readonly<Record<string, unknown>> = {}): Event => ({
  type: "RUN_STARTED",
  ...requested,
  protocolVersion: "1.0",
  ...more,
})

const finished = (requested: Requested, more: Readonly<Record<string, unknown>> = {}): Event => ({
  type: "RUN_FINISHED",
  ...requested,
  ...more,
})

const run = (...events: ReadonlyArray<Event>): Case["events"] => run.ending({}, ...events)
run.ending =
  (end: Readonly<Record<string, unknown>>, ...events: ReadonlyArray<Event>): Case["events"] =>
  (requested) => [started(requested), ...events, finished(requested, end)]

const older = (requested: Requested): Requested => ({ ...requested, runId: `older-than-${requested.runId}` })

const text = (messageId: string, delta: string, more: Readonly<Record<string, unknown>> = {}) => [
  { type: "TEXT_MESSAGE_START", messageId, role: "assistant", ...more },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta, ...more },
  { type: "TEXT_MESSAGE_END", messageId, ...more },
]

const call = (toolCallId: string, toolCallName = "look") => [
  { type: "TOOL_CALL_START", toolCallId, toolCallName },
  { type: "TOOL_CALL_ARGS", toolCallId, delta: "{}" },
  { type: "TOOL_CALL_END", toolCallId },
]

const textTypes = ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]
const callTypes = ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"]

const subagent = (subagentRunId: string, more: Readonly<Record<string, unknown>> = {}): Event => ({
  type: "SUBAGENT_STARTED",
  subagentRunId,
  name: "helper",
  ...more,
})

export const accepted: Readonly<Record<string, Accepted>> = {
  "a run of nothing": { events: run(), types: ["RUN_FINISHED"] },
  "a run with every kind of item": {
    events: run(
      { type: "STEP_STARTED", stepName: "s" },
      ...text("m", "Hello"),
      ...call("c"),
      { type: "TOOL_CALL_RESULT", messageId: "r", toolCallId: "c", content: "a dot" },
      { type: "REASONING_START", messageId: "t" },
      { type: "REASONING_MESSAGE_START", messageId: "t", role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "t", delta: "Hm" },
      { type: "REASONING_MESSAGE_END", messageId: "t" },
      { type: "REASONING_END", messageId: "t" },
      { type: "REASONING_ENCRYPTED_VALUE", subtype: "message", entityId: "t", encryptedValue: "x" },
      { type: "STATE_SNAPSHOT", snapshot: null },
      { type: "STATE_DELTA", delta: [{ op: "add", path: "", value: 1, leftover: true }] },
      { type: "MESSAGES_SNAPSHOT", messages: [{ id: "m", role: "assistant", content: "Hello" }] },
      { type: "ACTIVITY_SNAPSHOT", messageId: "a", activityType: "PLAN", content: {} },
      { type: "ACTIVITY_DELTA", messageId: "a", activityType: "PLAN", patch: [] },
      { type: "RAW", event: { any: "thing" } },
      { type: "CUSTOM", name: "n", value: null },
      { type: "STEP_FINISHED", stepName: "s" },
    ),
    types: [
      "STEP_STARTED",
      ...textTypes,
      ...callTypes,
      "TOOL_CALL_RESULT",
      "REASONING_START",
      "REASONING_MESSAGE_START",
      "REASONING_MESSAGE_CONTENT",
      "REASONING_MESSAGE_END",
      "REASONING_END",
      "REASONING_ENCRYPTED_VALUE",
      "STATE_SNAPSHOT",
      "STATE_DELTA",
      "MESSAGES_SNAPSHOT",
      "ACTIVITY_SNAPSHOT",
      "ACTIVITY_DELTA",
      "RAW",
      "CUSTOM",
      "STEP_FINISHED",
      "RUN_FINISHED",
    ],
  },
  "items that are interleaved": {
    events: run(
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "TOOL_CALL_START", toolCallId: "m", toolCallName: "look" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "" },
      { type: "TOOL_CALL_END", toolCallId: "m" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
    ),
    types: [
      "TEXT_MESSAGE_START",
      "TOOL_CALL_START",
      "TEXT_MESSAGE_CONTENT",
      "TOOL_CALL_END",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ],
  },
  "a message that is opened again after its end": {
    events: run(...text("m", "Hello"), ...text("m", "again")),
    types: [...textTypes, ...textTypes, "RUN_FINISHED"],
  },
  "a step of the parent and one of a subagent by the same name": {
    events: run(
      { type: "STEP_STARTED", stepName: "s" },
      subagent("sub"),
      { type: "STEP_STARTED", stepName: "s", subagentRunId: "sub" },
      { type: "STEP_FINISHED", stepName: "s" },
      { type: "STEP_FINISHED", stepName: "s", subagentRunId: "sub" },
      { type: "SUBAGENT_FINISHED", subagentRunId: "sub" },
    ),
    types: [
      "STEP_STARTED",
      "SUBAGENT_STARTED",
      "STEP_STARTED",
      "STEP_FINISHED",
      "STEP_FINISHED",
      "SUBAGENT_FINISHED",
      "RUN_FINISHED",
    ],
  },
  "events of a subagent that nothing announced": {
    events: run(...text("m", "Hello", { subagentRunId: "sub" })),
    types: [...textTypes, "RUN_FINISHED"],
  },
  "chunks of a message": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", delta: "lo", role: "assistant" },
    ),
    types: [
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ],
  },
  "chunks of two messages, a tool call and reasoning": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hello" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "n", delta: "again" },
      { type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "look", delta: "{}" },
      { type: "REASONING_MESSAGE_CHUNK", messageId: "t", delta: "Hm" },
    ),
    types: [
      ...textTypes,
      ...textTypes,
      ...callTypes,
      "REASONING_MESSAGE_START",
      "REASONING_MESSAGE_CONTENT",
      "REASONING_MESSAGE_END",
      "RUN_FINISHED",
    ],
  },
  "chunks with events in between that close nothing": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hel" },
      { type: "RAW", event: 1 },
      { type: "ACTIVITY_SNAPSHOT", messageId: "a", activityType: "PLAN", content: {} },
      { type: "TEXT_MESSAGE_CHUNK", delta: "lo" },
    ),
    types: [
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "RAW",
      "ACTIVITY_SNAPSHOT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ],
  },
  "chunks of the parent and of a subagent, interleaved": {
    events: run(
      subagent("sub"),
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "n", subagentRunId: "sub", delta: "By" },
      { type: "TEXT_MESSAGE_CHUNK", delta: "lo" },
      { type: "TEXT_MESSAGE_CHUNK", subagentRunId: "sub", delta: "e" },
      { type: "SUBAGENT_FINISHED", subagentRunId: "sub" },
    ),
    types: [
      "SUBAGENT_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "SUBAGENT_FINISHED",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ],
  },
  "an event of an unknown type": {
    events: run({ type: "X_LATER", value: { as: "it is" } }),
    types: ["X_LATER", "RUN_FINISHED"],
  },
  "an unknown property": {
    events: run(...text("m", "Hello", { later: true })),
    types: [...textTypes, "RUN_FINISHED"],
  },
  "an unknown outcome": {
    events: run.ending({ outcome: { type: "postponed" } }),
    types: ["RUN_FINISHED"],
  },
  "an unknown part of a result and an unknown role of a message": {
    events: run(
      ...call("c"),
      {
        type: "TOOL_CALL_RESULT",
        messageId: "r",
        toolCallId: "c",
        content: [
          { type: "hologram" },
          { type: "text", text: "a dot" },
          { type: "image", source: { type: "elsewhere" } },
        ],
      },
      { type: "MESSAGES_SNAPSHOT", messages: [{ id: "z", role: "narrator" }] },
    ),
    types: [...callTypes, "TOOL_CALL_RESULT", "MESSAGES_SNAPSHOT", "RUN_FINISHED"],
  },
  "a newer version": {
    events: (requested) => [started(requested, { protocolVersion: "1.7" }), finished(requested)],
    types: ["RUN_FINISHED"],
  },
  "a version that cannot be read": {
    events: (requested) => [started(requested, { protocolVersion: "latest" }), finished(requested)],
    types: ["RUN_FINISHED"],
  },
  "an older run first": {
    events: (requested) => [
      started(older(requested)),
      ...text("m", "Before"),
      finished(older(requested)),
      started(requested),
      ...text("n", "Now"),
      finished(requested),
    ],
    types: [...textTypes, "RUN_FINISHED"],
  },
  "an older run first that failed": {
    events: (requested) => [
      started(older(requested)),
      { type: "RUN_ERROR", message: "Then" },
      started(requested),
      ...text("n", "Now"),
      finished(requested),
    ],
    types: [...textTypes, "RUN_FINISHED"],
  },
  "an error with an item open": {
    events: (requested) => [
      started(requested),
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "RUN_ERROR", message: "No" },
    ],
    types: ["TEXT_MESSAGE_START", "RUN_ERROR"],
  },
  "an error before the run": {
    events: () => [{ type: "RUN_ERROR", message: "No" }],
    types: ["RUN_ERROR"],
  },
  "an error after the end": {
    events: (requested) => [
      started(requested),
      ...text("m", "Hello"),
      finished(requested),
      { type: "RUN_ERROR", message: "No" },
    ],
    types: [...textTypes, "RUN_ERROR"],
  },
}

export const rejected: Readonly<Record<string, Rejected>> = {
  "another first event": {
    events: (requested) => [...text("m", "Hello"), started(requested), finished(requested)],
    problem: "The stream begins with TEXT_MESSAGE_START, not with RUN_STARTED",
  },
  "an end without a start": {
    events: (requested) => [finished(requested)],
    problem: "The stream begins with RUN_FINISHED",
  },
  "a run within a run": {
    events: (requested) => [started(older(requested)), started(requested), finished(requested)],
    problem: "RUN_STARTED comes within run",
  },
  "content that nothing opened": {
    events: run({ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hello" }),
    problem: "TEXT_MESSAGE_CONTENT names message m, which is not open",
  },
  "arguments that nothing opened": {
    events: run({ type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" }),
    problem: "TOOL_CALL_ARGS names tool call c, which is not open",
  },
  "reasoning that nothing opened": {
    events: run({ type: "REASONING_MESSAGE_CONTENT", messageId: "t", delta: "Hm" }),
    problem: "REASONING_MESSAGE_CONTENT names reasoning message t, which is not open",
  },
  "content after the end of its message": {
    events: run(...text("m", "Hello"), { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "more" }),
    problem: "TEXT_MESSAGE_CONTENT names message m, which is not open",
  },
  "the end of a message that nothing opened": {
    events: run({ type: "TEXT_MESSAGE_END", messageId: "m" }),
    problem: "TEXT_MESSAGE_END names message m, which is not open",
  },
  "the end of a tool call that nothing opened": {
    events: run({ type: "TOOL_CALL_END", toolCallId: "c" }),
    problem: "TOOL_CALL_END names tool call c, which is not open",
  },
  "the end of reasoning that nothing opened": {
    events: run({ type: "REASONING_END", messageId: "t" }),
    problem: "REASONING_END names reasoning t, which is not open",
  },
  "the end of a step that nothing opened": {
    events: run({ type: "STEP_FINISHED", stepName: "s" }),
    problem: "STEP_FINISHED names step s, which is not open",
  },
  "the end of another agent's step": {
    events: run(
      { type: "STEP_STARTED", stepName: "s" },
      { type: "STEP_FINISHED", stepName: "s", subagentRunId: "sub" },
    ),
    problem: "STEP_FINISHED names step s, which is not open",
  },
  "the end of a subagent that nothing opened": {
    events: run({ type: "SUBAGENT_FINISHED", subagentRunId: "sub" }),
    problem: "SUBAGENT_FINISHED names subagent sub, which is not open",
  },
  "a message that is opened twice": {
    events: run(
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
    ),
    problem: "TEXT_MESSAGE_START opens message m, which is open",
  },
  "a subagent's id a second time": {
    events: run(subagent("sub"), { type: "SUBAGENT_FINISHED", subagentRunId: "sub" }, subagent("sub"), {
      type: "SUBAGENT_FINISHED",
      subagentRunId: "sub",
    }),
    problem: "SUBAGENT_STARTED names subagent sub a second time",
  },
  "a subagent whose parent was not started": {
    events: run(subagent("sub", { parentSubagentRunId: "other" }), {
      type: "SUBAGENT_FINISHED",
      subagentRunId: "sub",
    }),
    problem: "SUBAGENT_STARTED names subagent other as parent, which was not started",
  },
  "a message that is left open": {
    events: run({ type: "TEXT_MESSAGE_START", messageId: "m" }),
    problem: "RUN_FINISHED leaves open: message m",
  },
  "a tool call that is left open": {
    events: run({ type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" }),
    problem: "RUN_FINISHED leaves open: tool call c",
  },
  "reasoning that is left open": {
    events: run({ type: "REASONING_START", messageId: "t" }),
    problem: "RUN_FINISHED leaves open: reasoning t",
  },
  "a step that is left open": {
    events: run({ type: "STEP_STARTED", stepName: "s" }),
    problem: "RUN_FINISHED leaves open: step s",
  },
  "a subagent that is left open": {
    events: run(subagent("sub")),
    problem: "RUN_FINISHED leaves open: subagent sub",
  },
  "an event after the end": {
    events: (requested) => [started(requested), finished(requested), ...text("m", "Hello")],
    problem: "TEXT_MESSAGE_START comes after RUN_FINISHED",
  },
  "a second end": {
    events: (requested) => [started(requested), finished(requested), finished(requested)],
    problem: "RUN_FINISHED comes after RUN_FINISHED",
  },
  "a message's text under another agent": {
    events: run(
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hello", subagentRunId: "sub" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
    ),
    problem: "TEXT_MESSAGE_CONTENT assigns message m to subagent sub, and it belongs to the parent agent",
  },
  "an encrypted value under another agent": {
    events: run(
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look", subagentRunId: "one" },
      { type: "TOOL_CALL_END", toolCallId: "c" },
      {
        type: "REASONING_ENCRYPTED_VALUE",
        subtype: "tool-call",
        entityId: "c",
        encryptedValue: "x",
        subagentRunId: "two",
      },
    ),
    problem: "REASONING_ENCRYPTED_VALUE assigns tool call c to subagent two, and it belongs to one",
  },
  "a tool call under a message of another agent": {
    events: run(
      { type: "TEXT_MESSAGE_START", messageId: "m", subagentRunId: "one" },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
      { type: "TOOL_CALL_END", toolCallId: "c" },
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look", parentMessageId: "m" },
    ),
    problem:
      "TOOL_CALL_START assigns tool call c to message m of one, and the call belongs to the parent agent",
  },
  "a first chunk without an id": {
    events: run({ type: "TEXT_MESSAGE_CHUNK", delta: "Hello" }),
    problem: "TEXT_MESSAGE_CHUNK opens a message without `messageId`",
  },
  "a first chunk of a tool call without its name": {
    events: run({ type: "TOOL_CALL_CHUNK", toolCallId: "c", delta: "{}" }),
    problem: "TOOL_CALL_CHUNK opens a tool call without `toolCallName`",
  },
  "a chunk that changes the role": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", role: "user", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", role: "assistant", delta: "lo" },
    ),
    problem: "TEXT_MESSAGE_CHUNK changes `role` of message m",
  },
  "a chunk that changes the name of the tool": {
    events: run(
      { type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "look" },
      { type: "TOOL_CALL_CHUNK", toolCallId: "c", toolCallName: "listen" },
    ),
    problem: "TOOL_CALL_CHUNK changes `toolCallName` of tool call c",
  },
  "a chunk that changes the agent": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", subagentRunId: "sub", delta: "lo" },
    ),
    problem: "TEXT_MESSAGE_CHUNK continues message m of another agent",
  },
  "a chunk that may continue two agents": {
    events: run(
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", subagentRunId: "one", delta: "Hel" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "n", subagentRunId: "two", delta: "By" },
      { type: "TEXT_MESSAGE_CHUNK", delta: "lo" },
    ),
    problem: "TEXT_MESSAGE_CHUNK has no `messageId`, and several agents have a message open",
  },
  "a field of the wrong type": {
    events: run({ type: "TEXT_MESSAGE_START", messageId: 7 }),
    problem: "TEXT_MESSAGE_START has a wrong value in `messageId`",
  },
  "a missing field": {
    events: run(
      { type: "TEXT_MESSAGE_START", messageId: "m" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m" },
    ),
    problem: "TEXT_MESSAGE_CONTENT has a wrong value in `delta`",
  },
  "a role that no message has": {
    events: run({ type: "TEXT_MESSAGE_START", messageId: "m", role: "wizard" }),
    problem: "TEXT_MESSAGE_START has a wrong value in `role`",
  },
  "metadata that is no object": {
    events: run({ type: "CUSTOM", name: "n", value: 1, metadata: [] }),
    problem: "CUSTOM has a wrong value in `metadata`",
  },
  "a null for an agent, from an agent of 1.0": {
    events: run({ type: "CUSTOM", name: "n", value: 1, subagentRunId: null }),
    problem: "CUSTOM has a wrong value in `subagentRunId`",
  },
  "an outcome that is no object": {
    events: run.ending({ outcome: "success" }),
    problem: "RUN_FINISHED has a wrong value in `outcome`",
  },
  "an outcome that is an array": {
    events: run.ending({ outcome: [] }),
    problem: "RUN_FINISHED has a wrong value in `outcome",
  },
  "an interrupt outcome without interrupts": {
    events: run.ending({ outcome: { type: "interrupt", interrupts: [] } }),
    problem: "RUN_FINISHED has a wrong value in `outcome.interrupts`",
  },
  "a negative count of tokens": {
    events: run.ending({ usage: [{ inputTokens: -1 }] }),
    problem: "RUN_FINISHED has a wrong value in `usage.0.inputTokens`",
  },
  "a version that is no text": {
    events: (requested) => [started(requested, { protocolVersion: 1 }), finished(requested)],
    problem: "RUN_STARTED has a wrong value in `protocolVersion`",
  },
}
