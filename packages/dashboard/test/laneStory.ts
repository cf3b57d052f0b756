/** Runs whose lanes are drawn in tests. */
import type * as Json from "@runlease/http/Json"
import type { Story } from "../web/src/pages/run/lanes/segments"

export const [second, minute] = [1000, 60_000]
export const start = Date.parse("2026-11-24T02:41:00.000Z")
export const iso = (after: number): string => new Date(start + after).toISOString()

interface ClaimFields {
  readonly from: number
  readonly renewed: number
  readonly expires?: number
  readonly to?: number
  readonly ended?: Json.ClaimRecord["ended"]
  readonly worker?: string
}

export const claimOf = (
  epoch: number,
  { ended = null, expires, from, renewed, to, worker = "build-02" }: ClaimFields,
) =>
  ({
    lease_epoch: epoch,
    attempt: epoch,
    worker_id: worker,
    worker_name: worker,
    claimed_at: iso(from),
    renewals: Math.floor((renewed - from) / (20 * second)),
    renewed_at: iso(renewed),
    longest_gap_ms: 20_000,
    expires_at: expires === undefined ? null : iso(expires),
    ended_at: to === undefined ? null : iso(to),
    ended,
  }) as unknown as Json.ClaimRecord

export const runOf = (claims: ReadonlyArray<Json.ClaimRecord>, more: object = {}) =>
  ({
    run_id: "run",
    title: "A run",
    status: "running",
    agent_id: "coder",
    claims,
    created_at: iso(0),
    updated_at: iso(0),
    finished_at: null,
    ...more,
  }) as unknown as Json.RunSummary

export const storyOf = (run: Json.RunSummary, now: number, more: Partial<Story> = {}): Story => ({
  run,
  isRead: true,
  children: [],
  steps: [],
  broken: [],
  takeovers: [],
  waits: [],
  waitsFor: [],
  now: start + now,
  ...more,
})

export const lost = claimOf(1, {
  from: 2 * second,
  renewed: 62 * second,
  expires: 122 * second,
  to: 123 * second,
  ended: "lease_expired",
})
export const live = claimOf(2, {
  from: 123 * second,
  renewed: 163 * second,
  expires: 223 * second,
  worker: "build-05",
})
