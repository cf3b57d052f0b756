/**
 * The events of schedules and bulk operations that webhooks send. They are events of a project and of no run.
 *
 * Source: docs/decisions/0155-events-of-schedules.md
 */
import * as Ids from "@runlease/core/Ids"
import type { EventType } from "@runlease/core/Webhook"
import type { BulkRecord } from "./BulkRules.js"
import type { ScheduleRecord } from "./ScheduleRules.js"
import type { WebhookEvent } from "./WebhookRules.js"

/** The events of a schedule that a commit has changed. `after` is as it is written. */
export const ofSchedule = (
  before: ScheduleRecord,
  after: ScheduleRecord,
  now: number,
): ReadonlyArray<WebhookEvent> => {
  const { failures, id, name, revision, runCount, skipped, target } = after
  // No two events of a schedule have one key, also where the clock is set back.
  const key = [id, now, revision, runCount, failures, skipped.missed, skipped.overlap].join(" ")
  const event = (type: EventType, more: Readonly<Record<string, unknown>>): WebhookEvent => ({
    projectId: Ids.ProjectId.make(after.projectId),
    type,
    key: `${type} ${key}`,
    schedule: { agentId: target.id, labels: after.config.labels ?? {} },
    data: { schedule_id: id, project_id: after.projectId, name, agent_id: target.id, ...more },
  })
  const missed = skipped.missed - before.skipped.missed
  const overlap = skipped.overlap - before.skipped.overlap
  // The failure of a run has its id.
  const isRefused = after.lastFailureRunId === null && after.lastFailureAt !== before.lastFailureAt
  return [
    ...(missed + overlap === 0 ? [] : [event("schedule.skipped", { skipped: { missed, overlap } })]),
    ...(isRefused
      ? [
          event("schedule.refused", {
            code: after.lastFailureCode,
            message: after.lastFailureMessage,
          }),
        ]
      : []),
    ...(before.status === "active" && after.status === "paused"
      ? [event("schedule.paused", { reason: after.pausedReason })]
      : []),
    ...(before.completedAt === null && after.completedAt !== null
      ? [event("schedule.ended", { run_count: after.runCount })]
      : []),
    ...(before.stale !== true && after.stale === true
      ? [
          event("schedule.stale", {
            last_successful_at:
              after.lastSuccessfulAt === null ? null : new Date(after.lastSuccessfulAt).toISOString(),
          }),
        ]
      : []),
  ]
}

/** The event of a bulk operation that has ended. One that only counts is none. */
export const ofBulk = ({
  action,
  done,
  dryRun,
  failed,
  finishedAt,
  id,
  matched,
  projectId,
  skipped,
  status,
}: BulkRecord): ReadonlyArray<WebhookEvent> =>
  status === "running" || dryRun
    ? []
    : [
        {
          projectId: Ids.ProjectId.make(projectId),
          type: "bulk.ended",
          key: `bulk.ended ${id} ${finishedAt}`,
          data: { bulk_id: id, project_id: projectId, action, status, matched, done, skipped, failed },
        },
      ]
