/** The rows of limits with their counts. */
import type { Ids, Limits } from "@runlease/core"
import type { LimitRules } from "@runlease/store"
import { fromJson } from "./Fields.js"

/** What is set of a limit. */
export interface BoundsRow {
  readonly max_running: number | null
  readonly rate: string | null
  readonly max_pending: number | null
}

export const toBounds = ({ max_pending, max_running, rate }: BoundsRow): Limits.LimitBounds => ({
  maxRunning: max_running,
  rate: fromJson(rate),
  maxPending: max_pending,
})

/** Values of `governs`: what the limit is of all runs of. 0 is none. */
export const ScopeNumber = { agent: 1, project: 2 } as const

/** A limit with its counts. */
export interface UsageRow extends BoundsRow {
  readonly limit_pk: number
  readonly project_id: Ids.ProjectId
  readonly limit_name: string
  readonly paused: number
  readonly running: number
  readonly open: number
  readonly stale: number
  readonly behind: number
  readonly parked: number
  readonly fresh: number
  readonly fresh_open: number
  readonly tat: number
  readonly check_at: number | null
}

const names =
  "limit_pk, project_id, limit_name, max_running, rate, max_pending, paused, running, open, stale, behind, parked, fresh, fresh_open, tat, check_at"
/** Columns of `limits`, for a SELECT or a RETURNING. */
export const columns = names
  .split(", ")
  .map((name) => `limits.${name} AS ${name}`)
  .join(", ")

export const toUsage = (row: UsageRow): LimitRules.LimitUsage => ({
  key: row.limit_pk,
  projectId: row.project_id,
  limit: row.limit_name,
  ...toBounds(row),
  paused: row.paused === 1,
  running: row.running,
  open: row.open,
  stale: row.stale,
  behind: row.behind,
  parked: row.parked,
  fresh: row.fresh,
  freshOpen: row.fresh_open,
  tat: row.tat,
  checkAt: row.check_at,
})
