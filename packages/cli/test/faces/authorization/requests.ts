/** A request to each endpoint that would be right, for things that it names. */
import * as Digest from "@runlease/core/Digest"

/** What requests name. */
export interface Names {
  readonly project: string
  readonly projectId: string
  readonly run: string
  readonly conversation: string
  readonly worker: string
  readonly key: string
  readonly agent: string
  readonly thread: string
  readonly schedule: string
  readonly bulk: string
  readonly endpoint: string
  readonly delivery: string
  readonly source: string
  readonly input: string
  /** In the names of what requests make. */
  readonly fresh: string
}

export interface Request {
  readonly body?: unknown
  readonly query?: string
}

type Make = (names: Names, credential: string) => Request

const nothing: Make = () => ({})

const ofA2a: Make = () => ({ query: "?A2A-Version=1.0" })

const definition = { name: "new", target: { kind: "agent", id: "a" }, schedule: "0 9 * * *" }

const registration = { implementation_kind: "test", worker_key: "holder" }

/** By `group.endpoint`; none for a request without a body. */
const requests: Readonly<Record<string, Make>> = {
  "runs.submit": ({ agent, conversation, fresh, run }) => ({
    body: {
      kind: "agent",
      public_id: Digest.uuidOf(fresh),
      owner: { kind: "conversation", id: conversation },
      parent_run_id: run,
      request: { agent_id: agent },
    },
  }),
  "runs.submitMany": ({ agent, conversation, fresh, run }) => ({
    body: {
      runs: [
        {
          kind: "agent",
          public_id: fresh,
          owner: { kind: "conversation", id: conversation },
          parent_run_id: run,
          request: { agent_id: agent },
        },
      ],
    },
  }),
  "mcp.message": ({ run }) => ({
    body: {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "get_run", arguments: { run_id: run } },
    },
  }),
  "runs.label": () => ({ body: { labels: { customer: "42" } } }),
  "runs.prune": () => ({ body: { older_than_seconds: 1_000_000 } }),
  "runs.complete": () => ({ body: { status: "completed" } }),
  "runs.fork": () => ({ body: { after_event_id: 1 } }),
  "runs.tell": () => ({ body: { text: "hello" } }),
  "runs.resume": () => ({
    body: { type: "tool_result", tool_call_id: "call", result: 1 },
  }),
  "runs.followUp": ({ fresh }) => ({
    body: {
      public_id: fresh,
      results: [{ interrupt_id: "call", status: "resolved", payload: 1 }],
      request_snapshot: { messages: [], tools: [], context: [] },
    },
  }),
  "schedules.create": () => ({ body: definition }),
  "schedules.apply": () => ({ body: { source: "shop", schedules: [{ key: "new", ...definition }] } }),
  "schedules.update": () => ({ body: { name: "newer" } }),
  "schedules.backfill": () => ({ body: { from: "1969-12-31T00:00:00Z", to: "1970-01-01T00:00:00Z" } }),
  "webhooks.create": () => ({ body: { url: "https://example.com", events: ["run.failed"] } }),
  "webhooks.update": () => ({ body: { enabled: false } }),
  "outbox.retryRows": () => ({ body: { row_ids: ["nothing"] } }),
  "outbox.discardRows": () => ({ body: { row_ids: ["nothing"] } }),
  "webhookSources.defineSource": () => ({ body: { scheme: "github", agent_id: "a" } }),
  "webhookSources.rotateSource": () => ({ body: { expires_in_seconds: 60 } }),
  "hooks.receive": () => ({ body: { action: "opened" } }),
  "bulk.begin": () => ({ body: { action: "cancel", filter: { agent_id: "none" } } }),
  "observe.projectLive": () => ({ query: "?topics=runs" }),
  "observe.drain": () => ({ body: { drain: true } }),
  "rollouts.setRollout": () => ({ body: { current: "1", ramp: { version: "2", percent: 10 } } }),
  "limits.define": () => ({ body: { max_running: 4, rate: { count: 10, period_seconds: 60 } } }),
  "limits.setProjectLimit": () => ({ body: { max_running: null } }),
  "limits.setAgentLimit": () => ({ body: { max_running: 5 } }),
  "limits.pauseLimit": () => ({ body: { concurrency_key: "key" } }),
  "limits.resumeLimit": () => ({ body: { concurrency_key: "key" } }),
  "signIn.signIn": (_, api_key) => ({ body: { api_key } }),
  "conversations.create": ({ projectId }) => ({ body: { project_id: projectId } }),
  "conversations.branch": () => ({ body: { message_id: "00000000-0000-4000-8000-000000000000" } }),
  "conversations.change": () => ({ body: { title: "Report" } }),
  "conversations.addMessage": () => ({ body: { role: "user", parts: [{ type: "text", text: "hello" }] } }),
  "conversations.append": () => ({ body: { events: [{ type: "CUSTOM", name: "x", value: 1 }] } }),
  "agUi.runAgent": ({ fresh, thread }) => ({
    query: "?detach=true",
    body: {
      threadId: thread,
      runId: Digest.uuidOf(fresh),
      state: {},
      messages: [],
      tools: [],
      context: [],
      forwardedProps: {},
    },
  }),
  "a2a.rpc": ({ run }) => ({
    query: "?A2A-Version=1.0",
    body: { jsonrpc: "2.0", id: 1, method: "GetTask", params: { id: run } },
  }),
  "a2a.send": ({ fresh }) => ({
    query: "?A2A-Version=1.0",
    body: {
      message: { messageId: fresh, role: "ROLE_USER", parts: [{ text: "hello" }] },
      configuration: { returnImmediately: true },
    },
  }),
  "a2a.tasks": ofA2a,
  "a2a.task": ofA2a,
  "a2a.taskOperation": ofA2a,
  "a2a.extendedCard": ofA2a,
  "a2a.createPushConfig": ofA2a,
  "a2a.listPushConfigs": ofA2a,
  "a2a.getPushConfig": ofA2a,
  "a2a.deletePushConfig": ofA2a,
  "responses.createResponse": ({ agent }) => ({ body: { model: agent, input: "hello", background: true } }),
  "chat.sendMessages": ({ fresh, thread }) => ({
    body: {
      id: thread,
      messages: [{ id: fresh, role: "user", parts: [{ type: "text", text: "hello" }] }],
      trigger: "submit-message",
    },
  }),
  "workers.register": () => ({ body: registration }),
  "workers.renewMany": ({ run }) => ({ body: { run_ids: [run] } }),
  "workers.suspend": () => ({ body: { tool_call_id: "call", tool_name: "ask" } }),
  "workers.spawn": ({ agent, fresh }) => ({
    body: {
      step_id: "step",
      name: "step",
      run: { kind: "agent", public_id: fresh, request: { agent_id: agent } },
    },
  }),
  "workers.session": () => ({ body: { session_key: "session" } }),
  "exchange.exchange": ({ run }) => ({
    body: {
      operations: [
        { operation: "append", run_id: run, events: [{ type: "CUSTOM", name: "x", value: 1 }] },
        { operation: "complete", run_id: run, status: "completed" },
      ],
    },
  }),
  "keys.createProject": ({ fresh }) => ({ body: { slug: fresh } }),
  "callbacks.issue": () => ({ body: { tool_call_id: "call" } }),
  "callback.answer": () => ({ body: {} }),
  "inputRequests.respond": () => ({ body: { values: { answer: "here" } } }),
  "workers.callback": () => ({ body: { interrupt_id: "question" } }),
  "tokens.issue": ({ run }) => ({ body: { scopes: ["read"], run_id: run } }),
  "keys.createKey": () => ({ body: { name: "new" } }),
}

export const make = (endpoint: string): Make => requests[endpoint] ?? nothing

/** The state of the run before the request; a worker holds it where there is none here. */
export const stateOf = (endpoint: string): "waiting" | "asking" | "ended" | undefined => {
  if (endpoint === "runs.retry") return "ended"
  const isAnswer = endpoint === "runs.resume" || endpoint === "runs.followUp"
  if (endpoint.startsWith("inputRequests.")) return "asking"
  return isAnswer || endpoint === "callbacks.issue" ? "waiting" : undefined
}
