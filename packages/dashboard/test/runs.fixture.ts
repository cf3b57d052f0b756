import type * as Json from "@runlease/http/Json"

let count = 0

/** A run as the API gives it, that completed in its first claim unless told otherwise. */
export const run = (given: Partial<Json.RunSummary> = {}): Json.RunSummary => {
  count += 1
  const id = `01900000-0000-7000-8000-${String(count).padStart(12, "0")}`
  const created = given.created_at ?? "2026-11-24T10:00:00.000Z"
  return {
    run_id: id,
    title: "Say hello",
    status: "completed",
    agent_id: "coder",
    conversation_id: id,
    parent_run_id: null,
    root_run_id: id,
    priority: 0,
    attempt: 1,
    max_attempts: 3,
    waiting: null,
    error: null,
    labels: {},
    tokens: 0,
    cost: 0,
    children: 0,
    claims: [],
    latest_event_id: 1,
    created_at: created,
    updated_at: created,
    available_at: created,
    started_at: null,
    finished_at: null,
    ...given,
  }
}

/** A claim from one second of 10 o'clock to another. */
export const claim = (
  from: number,
  to: number | null,
  ended: Json.ClaimRecord["ended"],
): Json.ClaimRecord => {
  const at = (second: number) => new Date(Date.parse("2026-11-24T10:00:00Z") + second * 1000).toISOString()
  return {
    lease_epoch: 1,
    attempt: 1,
    worker_id: "01900000-0000-7000-8000-000000000000",
    worker_name: "build-02",
    claimed_at: at(from),
    renewals: 0,
    renewed_at: at(from),
    longest_gap_ms: 0,
    expires_at: at(from + 60),
    ended_at: to === null ? null : at(to),
    ended,
  }
}
