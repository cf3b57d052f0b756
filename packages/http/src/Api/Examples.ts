/** Adds examples to the endpoints that a user calls, in the description of the API. */
import { Predicate, Record as Records } from "effect"
import * as Users from "./examples/Users.js"
import * as Webhooks from "./examples/Webhooks.js"
import {
  conversationId,
  keyId,
  page,
  pending as pendingRun,
  projectId,
  submittedAt,
} from "./examples/Values.js"

const sentBulk = {
  action: "cancel",
  filter: { status: "pending", agent_id: "writer", labels: { customer: "42" } },
  reason: "wrong release",
}

const runningBulk = {
  id: "01a20000-0000-7000-8000-000000000007",
  project_id: projectId,
  action: "cancel",
  status: "running",
  filter: sentBulk.filter,
  named: null,
  labels: null,
  from_start: false,
  reason: sentBulk.reason,
  dry_run: false,
  searched: 256,
  matched: 256,
  done: 256,
  skipped: 0,
  failed: 0,
  failures: [],
  cursor: "4711",
  created_by: keyId,
  created_at: submittedAt,
  updated_at: submittedAt,
  finished_at: null,
}

const endedBulk = {
  ...runningBulk,
  status: "completed",
  searched: 1024,
  matched: 1024,
  done: 1021,
  skipped: 3,
  cursor: null,
  finished_at: submittedAt,
}

/** Examples of the endpoints of bulk operations. */
const ofBulk = {
  "bulk.begin": { sent: sentBulk, answer: { bulk: runningBulk } },
  "bulk.list": { answer: page([endedBulk]) },
  "bulk.get": { answer: { bulk: endedBulk } },
  "bulk.abort": {
    answer: { bulk: { ...runningBulk, status: "aborted", cursor: null, finished_at: submittedAt } },
  },
}

/** Examples of the endpoints of tokens for browsers. */
const ofTokens = {
  "tokens.issue": {
    sent: { scopes: ["read", "write", "stop"], conversation_id: conversationId, expires_in_seconds: 900 },
    answer: {
      token: "rlb_…",
      scopes: ["read", "write", "stop"],
      conversation_id: conversationId,
      run_id: null,
      label: null,
      agent_ids: null,
      expires_at: "2026-01-31T09:15:00.000Z",
    },
  },
  "tokens.rotate": { answer: { rotated: true } },
}

const inputRequest = {
  input_request_id: "01a20000-0000-8000-8000-00000000000a",
  run_id: "invoice-7",
  project_id: projectId,
  conversation_id: conversationId,
  title: "Which account?",
  fields: [
    { name: "user", type: "text", label: "User", required: true },
    { name: "password", type: "password", label: "Password", required: true },
  ],
  requested_responder_type: "human",
  status: "open",
  expires_at: null,
  response: null,
}

const answeredRequest = {
  ...inputRequest,
  status: "submitted",
  response: {
    response_id: "01a20000-0000-8000-8000-00000000000b",
    values: { user: "ada", password: "<redacted>" },
    redacted_fields: ["password"],
  },
}

/** Examples of the endpoints of requests for input. */
const ofInputRequests = {
  "inputRequests.list": { answer: { data: [inputRequest] } },
  "inputRequests.get": { answer: inputRequest },
  "inputRequests.respond": {
    sent: { values: { user: "ada", password: "correct horse" } },
    answer: answeredRequest,
  },
  "inputRequests.cancel": { answer: { ...inputRequest, status: "cancelled" } },
}

/** Examples of the endpoints of callbacks. */
const ofCallbacks = {
  "callbacks.issue": {
    sent: { interrupt_id: "paid", expires_in_seconds: 604_800 },
    answer: {
      url: "https://runs.example.com/runs/invoice-7/callback?token=rlc_…",
      token: "rlc_…",
      expires_at: "2026-02-07T09:00:00.000Z",
    },
  },
  "callback.answer": { sent: { euros: 40 }, answer: { accepted: true } },
}

// Examples of the endpoints of schedules.

const scheduleId = "01a20000-0000-7000-8000-000000000005"

const next = "2026-02-02T08:00:00.000Z"

const previous = "2026-01-30T08:00:00.000Z"

const definition = {
  name: "Morning report",
  target: { kind: "agent", id: "writer", conversation_mode: "create_new" },
  schedule: "0 9 * * 1-5",
  timezone: "Europe/Berlin",
  config: { prompt: "Write the report" },
  timeout_seconds: 3600,
  backoff_limit: 2,
  concurrency_policy: "Forbid",
}

const schedule = {
  id: scheduleId,
  project_id: projectId,
  status: "active",
  ...definition,
  runtime_target_kind: null,
  runtime_target_environment_id: null,
  runtime_target_branch_id: null,
  definition_source: "manual",
  source_trigger_id: null,
  source_path: null,
  source_hash: null,
  last_scheduled_at: previous,
  last_successful_at: previous,
  health: null,
  max_runs: null,
  run_count: 12,
  completed_at: null,
  paused_reason: null,
  paused_at: null,
  last_failure_at: null,
  last_failure_code: null,
  last_failure_message: null,
  last_failure_run_id: null,
  created_by: keyId,
  integration_requirements: [],
  created_at: submittedAt,
  updated_at: submittedAt,
  run_as_user_id: null,
  runtime_target_release_version: null,
  starts_at: null,
  ends_at: null,
  missed: "skip",
  window_seconds: 0,
  pause_after_failures: 0,
  source: null,
  revision: 1,
  next_at: next,
  next_nominal: next,
  last_run_id: `schedule:${scheduleId}:${previous}`,
  skipped: { overlap: 1, missed: 0 },
}

const paused = {
  ...schedule,
  status: "paused",
  paused_at: submittedAt,
  paused_reason: "holidays",
  revision: 2,
  next_at: null,
  next_nominal: null,
}

const run = {
  ...pendingRun,
  run_id: "report-1",
  schedule_id: scheduleId,
  trigger_kind: "schedule",
}

/** By `group.endpoint`. */
const ofSchedules = {
  "schedules.create": { sent: definition, answer: { schedule } },
  "schedules.list": {
    answer: { schedules: [schedule], source_schedules: [], page_info: page([]).page_info },
  },
  "schedules.apply": {
    sent: { source: "reports", schedules: [{ key: "morning", ...definition }], prune: true, dry_run: false },
    answer: { schedules: [{ key: "morning", action: "created", schedule_id: scheduleId }] },
  },
  "schedules.get": { answer: schedule },
  "schedules.update": {
    sent: { schedule: "every 90s", config: { input: { topic: "tides" } } },
    answer: { schedule: { ...schedule, schedule: "every 90s", revision: 2 } },
  },
  "schedules.remove": { answer: { deleted: true } },
  "schedules.pause": { sent: { reason: "holidays" }, answer: { schedule: paused } },
  "schedules.resume": { answer: { schedule: { ...schedule, revision: 3 } } },
  "schedules.runNow": {
    sent: { idempotency_key: "report-1" },
    answer: {
      run_id: run.run_id,
      run_execution_id: run.run_id,
      schedule_id: scheduleId,
      duplicate: false,
      run,
    },
  },
  "schedules.backfill": {
    sent: { from: "2026-01-26T00:00:00.000Z", to: "2026-01-30T23:59:59.000Z" },
    answer: {
      ticks: [{ nominal_at: previous, run_id: `schedule:${scheduleId}:${previous}`, duplicate: true }],
      more: false,
    },
  },
  "schedules.upcoming": { answer: { ticks: [{ nominal_at: next, at: next }] } },
}

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

const attention = { waits: [], oldest_pending: pending, versions: [], stale_schedules: [] }

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

const setRollout = { current: "1.4.0", ramp: { version: "1.5.0", percent: 10 }, version_policy: "latest" }

const rollout = {
  agent_id: "writer",
  ...setRollout,
  bulk_id: "01a20000-0000-7000-8000-000000000021",
  created_by: "01a20000-0000-7000-8000-000000000022",
  created_at: submittedAt,
  updated_at: submittedAt,
}

/** Examples of the endpoints that show runs and workers, and of rollouts. */
const ofObserve = {
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
  "rollouts.setRollout": { sent: setRollout, answer: { rollout } },
  "rollouts.getRollout": { answer: { rollout } },
  "rollouts.removeRollout": { answer: { deleted: true, bulk_id: rollout.bulk_id } },
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
  "observe.versions": {
    answer: {
      data: [
        { version: "1.4.0", workers: 1, leases: 2, pending: 0, waiting: 12, oldest: "2026-01-01T00:00:00Z" },
      ],
    },
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

/** A request to an endpoint, and its answer. */
export interface Example {
  readonly sent?: unknown
  readonly answer: unknown
}

/** By `group.endpoint`. */
export const examples: Readonly<Record<string, Example>> = {
  ...Users.examples,
  ...ofObserve,
  ...ofSchedules,
  ...ofBulk,
  ...Webhooks.ofEndpoints,
  ...Webhooks.ofSources,
  ...ofTokens,
  ...ofCallbacks,
  ...ofInputRequests,
}

/** The content of a body, every media type with the example. */
const contentWith = (body: unknown, example: unknown): unknown =>
  Predicate.isRecord(body) && Predicate.isRecord(body["content"])
    ? {
        ...body,
        content: Records.map(body["content"], (media) => ({ ...(media as object), example })),
      }
    : body

type Examples = Readonly<Record<string, Example>>

/** An operation of the description, with its example where there is one. */
const operationWith =
  (all: Examples) =>
  (operation: unknown): unknown => {
    if (!Predicate.isRecord(operation)) return operation
    const example = all[String(operation["operationId"])]
    const { requestBody, responses } = operation
    if (example === undefined || !Predicate.isRecord(responses)) return operation
    return {
      ...operation,
      ...(example.sent === undefined ? {} : { requestBody: contentWith(requestBody, example.sent) }),
      responses: Records.map(responses, (response, status) =>
        status.startsWith("2") ? contentWith(response, example.answer) : response,
      ),
    }
  }

/** The paths of the description, their operations with these examples. */
export const add = (
  all: Examples,
  paths: Readonly<Record<string, object>>,
): Readonly<Record<string, object>> =>
  Records.map(paths, (methods) => Records.map(methods as Record<string, unknown>, operationWith(all)))
