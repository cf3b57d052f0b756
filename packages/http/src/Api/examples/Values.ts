/** Values that examples share. */

export const projectId = "01a20000-0000-7000-8000-000000000001"
export const conversationId = "01a20000-0000-7000-8000-000000000002"
export const keyId = "01a20000-0000-7000-8000-000000000004"
export const submittedAt = "2026-01-31T09:00:00.000Z"

/** A page that is the whole list. */
export const page = (data: ReadonlyArray<unknown>) => ({
  data,
  page_info: { self: null, first: null, next: null, prev: null },
})

/** A run as /runs shows it before it is claimed. */
export const pending = {
  run_id: "report-1",
  kind: "agent",
  status: "pending",
  owner: { kind: "conversation", id: conversationId },
  root_run_id: "report-1",
  parent_run_id: null,
  waiting_reason: null,
  target: "writer",
  workflow_id: null,
  schedule_id: null,
  batch_id: null,
  runtime_target_kind: null,
  runtime_target_environment_id: null,
  runtime_target_branch_id: null,
  logs: null,
  start_mode: null,
  trigger_kind: "api",
  trigger_id: null,
  created_by: null,
  created_at: submittedAt,
  updated_at: submittedAt,
  started_at: null,
  completed_at: null,
  duration_ms: null,
  exit_code: null,
  timeout_seconds: 3600,
  backoff_limit: null,
  metadata: null,
  input: null,
  config: null,
  output: null,
  artifacts: [],
  labels: { customer: "42" },
  error: null,
}
