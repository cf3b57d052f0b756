/**
 * Which schedules are stale, and when a store has to look.
 *
 * Source: docs/decisions/0100-schedules.md
 */
import type { ScheduleRecord } from "./ScheduleRules.js"

/** When a schedule is stale unless a run of it succeeds before; null where it cannot be. */
const staleAt = ({
  completedAt,
  createdAt,
  health,
  lastSuccessfulAt,
  status,
}: ScheduleRecord): number | null =>
  status !== "active" || completedAt !== null || health === null
    ? null
    : (lastSuccessfulAt ?? createdAt) + health.maxStalenessSeconds * 1000

/** Whether a schedule has had no success for as long as its `health` allows. */
export const isStale = (record: ScheduleRecord, now: number): boolean => {
  const at = staleAt(record)
  return at !== null && now >= at
}

/** The schedule after the store has looked whether it is stale. */
export const judge = (record: ScheduleRecord, now: number): ScheduleRecord => ({
  ...record,
  stale: isStale(record, now),
})

/** When the store looks at a schedule: at its next tick, or before that when it may have become stale. Null for never. */
export const dueAt = (record: ScheduleRecord): number | null => {
  const { nextAt, stale = false } = record
  const check = stale ? null : staleAt(record)
  return nextAt === null || check === null ? (nextAt ?? check) : Math.min(nextAt, check)
}
