/** Examples of the endpoints of schedules. */
import { keyId, page, pending, projectId, submittedAt } from "./Values.js"

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
  ...pending,
  run_id: "report-1",
  schedule_id: scheduleId,
  trigger_kind: "schedule",
}

/** By `group.endpoint`. */
export const examples = {
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
