/**
 * When the limits of time of a run end it.
 *
 * Units: `now` and instants are in milliseconds since the epoch.
 * Source: docs/decisions/0099-limits-of-time.md
 */
import type { RunError } from "@runlease/core/Run"
import { expiredCode, timeoutCode } from "@runlease/core/TimeLimits"
import type { RunState } from "./RunState.js"

/** When a run that no worker has claimed yet is cancelled; null is never. */
export const startBy = ({
  availableAt,
  spec: { createdAt, timeLimits },
  startedAt,
  status,
}: Pick<RunState, "availableAt" | "spec" | "startedAt" | "status">): number | null =>
  timeLimits?.ttlSeconds === undefined || startedAt !== null || status !== "pending"
    ? null
    : Math.max(createdAt, availableAt) + timeLimits.ttlSeconds * 1000

/** Whether a run was not claimed in time. */
export const isExpired = (state: RunState, now: number): boolean => {
  const at = startBy(state)
  return at !== null && at <= now
}

/** When a run under a lease has worked for as long as it may, if its lease lasts until then; null is never. */
export const timeoutAt = ({
  holder,
  spec: { timeLimits },
  status,
  workedMillis,
}: Pick<RunState, "holder" | "spec" | "status" | "workedMillis">): number | null =>
  timeLimits?.timeoutSeconds === undefined || holder === null || status !== "running"
    ? null
    : holder.claimedAt + timeLimits.timeoutSeconds * 1000 - (workedMillis ?? 0)

/** How long a run has worked, its current claim included; null for a run without a timeout. A claim works until its lease ends. */
export const worked = (
  { holder, spec: { timeLimits }, status, workedMillis }: RunState,
  now: number,
): number | null =>
  timeLimits?.timeoutSeconds === undefined || holder === null || status !== "running"
    ? workedMillis
    : (workedMillis ?? 0) + Math.max(0, Math.min(now, holder.expiresAt) - holder.claimedAt)

/** Whether a run has worked for as long as it may, under a lease that had not ended before. */
export const isOverTime = (state: RunState, now: number): boolean => {
  const at = timeoutAt(state)
  return at !== null && at <= Math.min(now, state.holder!.expiresAt)
}

/** Whether the control plane has ended the run for its timeout. */
export const hasTimedOut = ({ error, spec: { timeLimits }, status }: RunState): boolean =>
  status === "failed" && timeLimits?.timeoutSeconds !== undefined && error?.code === timeoutCode

const seconds = (count: number | undefined): string => (count === 1 ? "1 second" : `${count} seconds`)

/** Why a run was cancelled that no worker has claimed in time. */
export const expired = ({ spec }: RunState): RunError => ({
  code: expiredCode,
  message: `No worker has claimed the run within ${seconds(spec.timeLimits?.ttlSeconds)}`,
})

/** Why a run has failed that has worked for as long as it may. */
export const timedOut = ({ spec }: RunState): RunError => ({
  code: timeoutCode,
  message: `The run has worked for ${seconds(spec.timeLimits?.timeoutSeconds)}, which is its timeout`,
})
