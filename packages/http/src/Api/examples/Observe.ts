/** Examples of the endpoints that show runs and workers. */
import { conversationId, keyId, page, projectId, submittedAt } from "./Values.js"

const workerId = "01a20000-0000-7000-8000-000000000005"
const claimedAt = "2026-01-31T09:00:01.000Z"
const renewedAt = "2026-01-31T09:00:21.000Z"
const expiresAt = "2026-01-31T09:01:21.000Z"

const claim = {
  lease_epoch: 1,
  attempt: 1,
  worker_id: workerId,
  worker_name: "host-1",
  claimed_at: claimedAt,
  renewals: 1,
  renewed_at: renewedAt,
  longest_gap_ms: 20_000,
  expires_at: expiresAt,
  ended_at: null,
  ended: null,
}

const pending = {
  run_id: "report-2",
  title: "And now the summary",
  status: "pending",
  agent_id: "writer",
  conversation_id: conversationId,
  parent_run_id: null,
  root_run_id: "report-2",
  priority: 0,
  attempt: 0,
  max_attempts: 3,
  waiting: null,
  error: null,
  labels: { customer: "42" },
  tokens: 0,
  cost: 0,
  children: 0,
  claims: [],
  latest_event_id: 0,
  created_at: submittedAt,
  updated_at: submittedAt,
  available_at: submittedAt,
  started_at: null,
  finished_at: null,
}

const running = {
  ...pending,
  run_id: "report-1",
  root_run_id: "report-1",
  title: "Write the report",
  status: "running",
  attempt: 1,
  tokens: 1280,
  cost: 4100,
  claims: [claim],
  latest_event_id: 2,
  updated_at: renewedAt,
  started_at: claimedAt,
}

const worker = {
  id: workerId,
  project_id: projectId,
  implementation_kind: "runlease",
  implementation_display_name: null,
  worker_key: "host-1",
  status: "active",
  drain: false,
  display_name: null,
  metadata: { runlease: { version: "0.1.0", agents: ["writer"], slots: 10, in_use: 1 } },
  in_flight: 1,
  created_at: submittedAt,
  updated_at: renewedAt,
  last_heartbeat_at: renewedAt,
}

const activity = {
  submitted: 2,
  claimed: 1,
  ended: { completed: 0, failed: 0, cancelled: 0 },
  failures: [],
  pick_up: { count: 1, p50_ms: 960, p99_ms: 960 },
  run_time: { count: 0, p50_ms: null, p99_ms: null },
  tokens: 1280,
  cost: 4100,
}

const attention = { waits: [], oldest_pending: pending, stale_schedules: [] }

/** A named event of a stream. */
const event = (name: string, data: unknown, id?: number): string =>
  `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

const entry = {
  event_id: 2,
  event_type: "TEXT_MESSAGE_CONTENT",
  payload: { type: "TEXT_MESSAGE_CONTENT", messageId: "m2", delta: "Three pages." },
  external_event_sequence: 1,
  created_at: renewedAt,
}

const session = {
  project: { id: projectId, slug: "default" },
  key: { id: keyId, name: "dashboard", admin: false },
}

/** By `group.endpoint`. */
const limit = {
  kind: "concurrency_key",
  name: null,
  key: "customer-7",
  max_running: 5,
  rate: null,
  max_pending: null,
  paused: false,
  running: 5,
  open: 0,
  waiting: 40,
  pending: 40,
  next_start_at: null,
}

const namedLimit = {
  name: "api",
  max_running: 4,
  rate: { count: 10, period_seconds: 60, burst: 5 },
  max_pending: 100,
  agent_ids: ["import"],
  key_from: "metadata.customer",
}

const agentLimit = { ...limit, kind: "agent", key: "reviewer" }

const projectLimit = {
  ...limit,
  kind: "project",
  key: "01890a5d-ac96-774b-bcce-b302099a8058",
  max_running: 50,
  open: 0,
  waiting: 0,
}

export const examples = {
  "observe.statistics": {
    answer: {
      counts: [
        {
          agent_id: "writer",
          runs: { pending: 1, running: 1, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
        },
      ],
      periods: [{ start: submittedAt, pending: 1, running: 1, ...activity }],
      agents: [{ agent_id: "writer", ...activity }],
    },
  },
  "observe.attention": { answer: attention },
  "observe.runSummaries": { answer: { ...page([pending, running]), searched: null } },
  "observe.runCounts": {
    answer: {
      counts: { pending: 1, running: 1, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
      searched: 2,
      whole: true,
    },
  },
  "observe.runSummary": { answer: running },
  "observe.standing": {
    answer: {
      now: renewedAt,
      gate: "behind",
      ahead: running,
      runs_ahead: 1,
      queued_before: null,
      reason: null,
      limit: null,
    },
  },
  "observe.runLive": { answer: event("run", running) + event("entries", [entry], 2) },
  "observe.projectLive": { answer: event("attention", attention) + event("runs", [running]) },
  "observe.workerSummaries": {
    answer: page([{ worker, next_lease_expires_at: expiresAt, renewed_at: renewedAt, lost_24h: 0 }]),
  },
  "observe.held": { answer: { data: [running] } },
  "observe.lostLeases": {
    answer: {
      data: [
        {
          run_id: "report-1",
          title: "Write the report",
          agent_id: "writer",
          max_attempts: 3,
          claim: { ...claim, ended_at: expiresAt, ended: "lease_expired" },
          next: null,
          exhausted: false,
        },
      ],
    },
  },
  "observe.agents": {
    answer: {
      data: [
        {
          agent_id: "writer",
          workers: 1,
          form: { type: "object", properties: { topic: { type: "string" } } },
        },
      ],
    },
  },
  "observe.drain": { sent: { drain: true }, answer: { ...worker, drain: true } },
  "signIn.signIn": { sent: { api_key: "rlk_…" }, answer: session },
  "signIn.signOut": { answer: undefined },
  "session.session": { answer: session },
  "limits.limits": { answer: page([limit]) },
  "limits.pauseLimit": { sent: { concurrency_key: "customer-7" }, answer: { ...limit, paused: true } },
  "limits.define": {
    sent: {
      max_running: 4,
      rate: { count: 10, period_seconds: 60, burst: 5 },
      max_pending: 100,
      agent_ids: ["import"],
      key_from: "metadata.customer",
    },
    answer: namedLimit,
  },
  "limits.named": { answer: namedLimit },
  "limits.remove": { answer: { deleted: true } },
  "limits.setProjectLimit": { sent: { max_running: 50 }, answer: projectLimit },
  "limits.pauseProject": { answer: { ...projectLimit, paused: true } },
  "limits.resumeProject": { answer: projectLimit },
  "limits.setAgentLimit": { sent: { max_running: 5 }, answer: agentLimit },
  "limits.pauseAgent": { answer: { ...agentLimit, paused: true } },
  "limits.resumeAgent": { answer: agentLimit },
  "limits.resumeLimit": { sent: { concurrency_key: "customer-7" }, answer: limit },
}
