/** Examples of the endpoints of bulk operations. */
import { keyId, page, projectId, submittedAt } from "./Values.js"

const sent = {
  action: "cancel",
  filter: { status: "pending", agent_id: "writer", labels: { customer: "42" } },
  reason: "wrong release",
}

const running = {
  id: "01a20000-0000-7000-8000-000000000007",
  project_id: projectId,
  action: "cancel",
  status: "running",
  filter: sent.filter,
  named: null,
  labels: null,
  from_start: false,
  reason: sent.reason,
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

const ended = {
  ...running,
  status: "completed",
  searched: 1024,
  matched: 1024,
  done: 1021,
  skipped: 3,
  cursor: null,
  finished_at: submittedAt,
}

export const examples = {
  "bulk.begin": { sent, answer: { bulk: running } },
  "bulk.list": { answer: page([ended]) },
  "bulk.get": { answer: { bulk: ended } },
  "bulk.abort": {
    answer: { bulk: { ...running, status: "aborted", cursor: null, finished_at: submittedAt } },
  },
}
