/** Examples of the endpoints that submit, read and end runs, and of those of threads and keys. */
import * as Outbox from "./Outbox.js"
import { batchReply } from "../../Wire/Submission.js"
import { conversationId, keyId, page, pending, projectId, submittedAt } from "./Values.js"

const messageId = "01a20000-0000-7000-8000-000000000003"
const finishedAt = "2026-01-31T09:00:04.000Z"
/** As `form` of the example of agents has it. */
const payload = { topic: "tides" }
const parts = [{ type: "text", text: "Write the report" }]

const ended = {
  ...pending,
  started_at: submittedAt,
  updated_at: finishedAt,
  completed_at: finishedAt,
  duration_ms: 4000,
}
const completed = { ...ended, status: "completed", output: { pages: 3 } }

const conversation = {
  id: conversationId,
  project_id: projectId,
  title: "Reports",
  metadata: null,
  created_at: submittedAt,
  updated_at: submittedAt,
}

const message = {
  id: messageId,
  conversation_id: conversationId,
  role: "user",
  parts,
  parent_id: null,
  metadata: null,
  created_at: submittedAt,
}

const conversationRun = {
  run_id: "report-1",
  conversation_id: conversationId,
  message_id: messageId,
  latest_event_id: 0,
  latest_external_event_sequence: 0,
  status: "pending",
  agent_id: "writer",
  project_id: projectId,
  created_at: submittedAt,
}

const project = { id: projectId, slug: "default", created_at: submittedAt }
const key = {
  id: keyId,
  project_id: projectId,
  name: "dashboard",
  admin: false,
  created_at: submittedAt,
  revoked_at: null,
  expires_at: null,
}

/** The start, the text and the end of one answer, as an event stream. */
const stream = [
  { type: "RUN_STARTED", threadId: conversationId, runId: "report-1" },
  { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "Three pages." },
  { type: "TEXT_MESSAGE_END", messageId },
  { type: "RUN_FINISHED", threadId: conversationId, runId: "report-1", outcome: { type: "success" } },
]
  .map((event, index) => `id: ${index + 1}\ndata: ${JSON.stringify(event)}\n\n`)
  .join("")

/** By `group.endpoint`. */
export const examples = {
  ...Outbox.examples,
  "runs.submit": {
    sent: {
      kind: "agent",
      public_id: "report-1",
      request: {
        agent_id: "writer",
        request_snapshot: { messages: [{ id: "m1", role: "user", parts }], tools: [], context: [] },
        input: payload,
        max_attempts: 3,
        ttl_seconds: 600,
        timeout_seconds: 3600,
        multitask: "enqueue",
        labels: { customer: "42" },
      },
    },
    answer: { accepted: true, duplicate: false, steered: false, debounced: false, run: pending },
  },
  "runs.submitMany": {
    sent: {
      runs: [
        { kind: "agent", public_id: "report-1", request: { agent_id: "writer", input: payload } },
        { kind: "agent", public_id: "report-2", parent_run_id: "none", request: { agent_id: "writer" } },
      ],
    },
    answer: {
      ...batchReply.of({}),
      answers: [
        {
          status: 202,
          body: {
            accepted: true,
            duplicate: false,
            steered: false,
            debounced: false,
            run: pending,
          },
        },
        {
          status: 404,
          body: { error: "run_not_found", detail: "Run none does not exist", field: "run_id" },
        },
      ],
    },
  },
  "runs.run": { answer: completed },
  "runs.label": {
    sent: { labels: { reviewed: "yes", tier: null } },
    answer: { ...completed, labels: { customer: "42", reviewed: "yes" } },
  },
  "runs.snapshot": {
    answer: { messages: [{ id: "m1", role: "user", parts }], tools: [], context: [], input: payload },
  },
  "runs.events": {
    answer: {
      ...page([
        {
          event_id: 2,
          event_type: "TEXT_MESSAGE_CONTENT",
          payload: { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "Three pages." },
          external_event_sequence: 1,
          created_at: finishedAt,
        },
      ]),
      ended: false,
    },
  },
  "runs.steps": {
    answer: page([
      {
        event_id: 4,
        event_type: "CUSTOM",
        payload: {
          type: "CUSTOM",
          name: "runlease.step",
          value: {
            step_id: "440e1784891aa4ba633a248862e957de",
            name: "count",
            result: "3",
            record_id: messageId,
          },
        },
        external_event_sequence: 3,
        created_at: finishedAt,
      },
    ]),
  },
  "runs.retry": {
    sent: { public_id: "report-2" },
    answer: {
      accepted: true,
      duplicate: false,
      run: { ...pending, run_id: "report-2", parent_run_id: "report-1" },
    },
  },
  "runs.fork": {
    sent: {
      after_event_id: 12,
      public_id: "report-3",
      edits: [{ type: "step", step: "search", result: ["page-2"] }],
    },
    answer: {
      accepted: true,
      duplicate: false,
      run: { ...pending, run_id: "report-3", parent_run_id: "report-1" },
    },
  },
  "runs.tell": {
    sent: { text: "Look at the second page first", idempotency_key: "look" },
    answer: { message_id: messageId, duplicate: false },
  },
  "usage.usage": {
    answer: {
      usage: [{ provider: "openai", model: "gpt", inputTokens: 1200, outputTokens: 80, totalTokens: 1280 }],
      cost: 4100,
      unfinished: 0,
      runs: 1,
    },
  },
  "runs.stream": { answer: stream },
  "runs.list": { answer: page([completed]) },
  "runs.prune": {
    sent: { older_than_seconds: 2_592_000, limit: 100 },
    answer: { pruned: 12, more: false },
  },
  "runs.complete": {
    sent: { status: "completed", result: { pages: 3 } },
    answer: { completed: true, run: completed },
  },
  "runs.cancel": { answer: { cancelled: true, run: { ...ended, status: "cancelled" } } },
  "runs.resume": {
    sent: { type: "tool_result", tool_call_id: "approve", result: { approved: true } },
    answer: { accepted: true, duplicate: false, run: pending },
  },
  "runs.inputs": { answer: { data: [{ public_id: "report-2", since_event_id: 6 }] } },
  "runs.followUp": {
    sent: {
      public_id: "report-2",
      results: [{ interrupt_id: "call-1", status: "resolved", payload: "blue" }],
      request_snapshot: {
        messages: [
          { id: "m1", role: "tool", parts: [{ type: "tool_result", toolCallId: "call-1", result: "blue" }] },
        ],
        tools: [],
        context: [],
      },
    },
    answer: { outcome: "continued", since_event_id: 6, duplicate: false, run: pending },
  },
  "conversations.create": { sent: { title: "Reports" }, answer: conversation },
  "conversations.list": { answer: page([conversation]) },
  "conversations.conversation": { answer: conversation },
  "conversations.change": {
    sent: { title: "Weekly reports", metadata: { team: "sales" } },
    answer: { ...conversation, title: "Weekly reports", metadata: { team: "sales" } },
  },
  "conversations.remove": { answer: { deleted: true } },
  "conversations.branch": {
    sent: { message_id: message.id, title: "By train" },
    answer: { ...conversation, title: "By train" },
  },
  "conversations.addMessage": { sent: { role: "user", parts, idempotency_key: "first" }, answer: message },
  "conversations.messages": { answer: page([message]) },
  "conversations.conversationRun": { answer: conversationRun },
  "conversations.append": {
    sent: { events: [{ type: "CUSTOM", name: "progress", value: 0.5 }], expected_previous_event_id: 0 },
    answer: {
      latest_event_id: 1,
      latest_external_event_sequence: 0,
      appended_count: 1,
      run: { ...conversationRun, latest_event_id: 1 },
    },
  },
  "conversations.stream": { answer: stream },
  "agUi.runAgent": {
    sent: {
      threadId: conversationId,
      runId: "report-1",
      messages: [{ id: "m1", role: "user", content: "Write the report" }],
      tools: [],
      context: [],
    },
    answer: stream,
  },
  "agUi.capabilities": { answer: { transport: { streaming: true } } },
  "threads.thread": {
    answer: {
      threadId: conversationId,
      status: "running",
      runId: "report-1",
      agentId: "writer",
      queuedRunIds: [],
      messages: [{ id: "m1", role: "user", content: "Write the report" }],
      omittedMessages: 0,
      state: null,
      stateOmitted: false,
      interrupts: [],
      pendingToolCallIds: [],
    },
  },
  "threads.threadStream": { answer: stream },
  "threads.stopThread": { sent: { runId: "report-1" }, answer: { stopped: true, runId: "report-1" } },
  "keys.createProject": { sent: { slug: "default" }, answer: project },
  "keys.projects": { answer: { data: [project] } },
  "keys.createKey": { sent: { name: "dashboard" }, answer: { key, token: "rlk_…" } },
  "keys.keys": { answer: { data: [key] } },
  "keys.revokeKey": { answer: { key: { ...key, revoked_at: finishedAt } } },
  "health.healthz": { answer: { status: "ok" } },
  "health.readyz": { answer: { status: "ok" } },
}
