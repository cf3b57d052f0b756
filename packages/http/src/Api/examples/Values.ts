/** Values that examples share. */
import { Record } from "effect"
import { CanonicalRun } from "../../Wire/Run.js"

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
  ...Record.map(CanonicalRun.fields, () => null),
  run_id: "report-1",
  kind: "agent",
  status: "pending",
  owner: { kind: "conversation", id: conversationId },
  root_run_id: "report-1",
  target: "writer",
  trigger_kind: "api",
  created_at: submittedAt,
  updated_at: submittedAt,
  timeout_seconds: 3600,
  artifacts: [],
  labels: { customer: "42" },
}
