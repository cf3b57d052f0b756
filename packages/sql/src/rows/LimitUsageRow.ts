/**
 * The rows of limits with their counts.
 *
 * @since 0.1.0
 */
import type { Ids } from "@runlease/core"
import type { LimitRules } from "@runlease/core/store"

/** A limit with its counts. */
export interface UsageRow {
  readonly limit_pk: number
  readonly project_id: Ids.ProjectId
  readonly limit_name: string
  readonly max_running: number | null
  readonly paused: number
  readonly running: number
  readonly open: number
  readonly stale: number
  readonly behind: number
  readonly parked: number
  readonly check_at: number | null
}

const names =
  "limit_pk, project_id, limit_name, max_running, paused, running, open, stale, behind, parked, check_at"
/** Columns of `limits`, for a SELECT or a RETURNING. */
export const columns = names
  .split(", ")
  .map((name) => `limits.${name} AS ${name}`)
  .join(", ")

export const toUsage = (row: UsageRow): LimitRules.LimitUsage => ({
  key: row.limit_pk,
  projectId: row.project_id,
  limit: row.limit_name,
  maxRunning: row.max_running,
  paused: row.paused === 1,
  running: row.running,
  open: row.open,
  stale: row.stale,
  behind: row.behind,
  parked: row.parked,
  checkAt: row.check_at,
})
