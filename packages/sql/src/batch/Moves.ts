/**
 * The moves of a run through its life, as plain functions: the row after the move, and what the control plane
 * writes into the log for it.
 *
 * @since 0.1.0
 */
import {
  type AgentEvent,
  ResumeRules,
  ControlEvents,
  type Ids,
  type Leases,
  Run,
  type Runs,
} from "@runlease/core"
import {
  gateOf,
  instant,
  logStateOf,
  pastAttemptOf,
  type RunRow,
  subjectOf,
  toJson,
  waitingColumns,
  waitingOf,
} from "../rows/RunRow.js"

export interface Move {
  readonly row: RunRow
  readonly events: ReadonlyArray<AgentEvent.LogEvent>
}

/** What a fence is to a run: it holds it, held it until the very end, or neither. */
export type Standing = "held" | "ended" | "lost"

export const standing = (row: RunRow, fence: Run.Fence, now: number): Standing => {
  const named =
    row.lease_owner === fence.workerId && (fence.epoch === null || fence.epoch === row.lease_epoch)
  if (!named) return "lost"
  const expiresAt = row.lease_expires_at ?? 0
  // Whose lease had lapsed did not hold the run when it ended.
  if (Run.isTerminal(row.status)) return (row.finished_at ?? now) < expiresAt ? "ended" : "lost"
  return row.status === "running" && now < expiresAt ? "held" : "lost"
}

/** A claim: the log is told of the attempt before, if one ended without an outcome. */
export const claim = (
  row: RunRow,
  lease: {
    readonly workerId: Ids.WorkerId
    readonly claimId: Ids.ClaimId | null
    readonly expiresAt: number
  },
  now: number,
): Move => {
  const attempt = row.attempt + 1
  return {
    row: {
      ...row,
      status: "running",
      attempt,
      lease_owner: lease.workerId,
      lease_epoch: row.lease_epoch + 1,
      lease_expires_at: lease.expiresAt,
      claim_id: lease.claimId,
      past_attempt: null,
      started_at: row.started_at ?? now,
    },
    events: ControlEvents.claimed(subjectOf(row), logStateOf(row), pastAttemptOf(row), {
      attempt,
      workerId: lease.workerId,
    }),
  }
}

/** Pending again: runnable now, or delayed. A run that was claimed is the first of its lane. */
const pend = (row: RunRow, now: number): RunRow => ({
  ...row,
  status: "pending",
  gate: gateOf(row, now),
  lease_owner: null,
  lease_expires_at: null,
  ...waitingColumns(null),
})

/** The run ends, and its log with it. */
export const end = (
  row: RunRow,
  outcome: Runs.Outcome,
  now: number,
  lastAttempt: ControlEvents.PastAttempt | null = null,
): Move => ({
  row: {
    ...row,
    status: outcome.status,
    past_attempt: null,
    ...waitingColumns(null),
    error: toJson(outcome.error),
    finished_at: now,
  },
  events: ControlEvents.ended(subjectOf(row), logStateOf(row), outcome, lastAttempt),
})

const fail = (
  row: RunRow,
  error: Run.RunError,
  now: number,
  lastAttempt: ControlEvents.PastAttempt | null = null,
): Move => end(row, { status: "failed", error }, now, lastAttempt)

/** An attempt ends without an outcome: the run is pending again or, with no attempts left, failed. */
const endAttempt = (
  row: RunRow,
  how: {
    readonly ended: ControlEvents.AttemptEnd
    readonly reason: string | null
    readonly counted: boolean
    readonly availableAt: number
  },
  now: number,
): Move => {
  const past: ControlEvents.PastAttempt = {
    attempt: row.attempt,
    workerId: row.lease_owner ?? "",
    ended: how.ended,
    reason: how.reason,
  }
  if (how.counted && row.attempt >= row.max_attempts) {
    return fail(row, ControlEvents.attemptsExhausted(row.max_attempts, past), now, past)
  }
  return {
    row: pend(
      {
        ...row,
        attempt: how.counted ? row.attempt : row.attempt - 1,
        available_at: how.availableAt,
        past_attempt: toJson(past),
      },
      now,
    ),
    events: [],
  }
}

/** The holder keeps the run. */
export const renew = (row: RunRow, expiresAt: number): Move => ({
  row: { ...row, lease_expires_at: expiresAt },
  events: [],
})

/** When a run that was claimed may be claimed again: its time had come, also where the clock was set back since. */
const undelayed = (row: RunRow, now: number): number => Math.min(row.available_at, now)

/** The lease has lapsed. */
export const lapse = (row: RunRow, now: number): Move =>
  endAttempt(
    row,
    { ended: "lease_expired", reason: null, counted: true, availableAt: undelayed(row, now) },
    now,
  )

/** The holder hands the run back. */
export const release = (
  row: RunRow,
  how: { readonly reason: string | null; readonly delay: number; readonly counted: boolean },
  now: number,
): Move =>
  endAttempt(
    row,
    {
      ended: how.counted ? "retry" : "released",
      reason: how.reason,
      counted: how.counted,
      availableAt: how.delay > 0 ? now + how.delay : undelayed(row, now),
    },
    now,
  )

/** The run waits until it is answered; its attempts count anew from there. */
export const suspend = (row: RunRow, suspension: Leases.Suspension, now: number): Move => {
  const waiting = ResumeRules.waitingFor(suspension, instant(now))
  return {
    row: {
      ...row,
      status: "waiting",
      attempt: 0,
      ...waitingColumns(waiting),
      lease_owner: null,
      lease_expires_at: null,
    },
    events: ControlEvents.suspended(subjectOf(row), logStateOf(row), waiting),
  }
}

/** Whether the run waits no longer. */
export const waitIsOver = (row: RunRow, now: number): boolean =>
  row.status === "waiting" && row.waiting_expires_at !== null && row.waiting_expires_at <= now

/** What the run waits for did not come in time. */
export const expireWait = (row: RunRow, now: number): Move =>
  fail(row, ControlEvents.waitExpired(waitingOf(row)!), now)

/** The delay is over. */
export const resume = (row: RunRow, now: number): Move => ({ row: pend(row, now), events: [] })

/** The run goes on waiting for what is still open, or, once nothing is, goes on. */
export const answered = (row: RunRow, waiting: Run.Waiting | null, now: number): Move =>
  waiting === null
    ? resume({ ...row, available_at: undelayed(row, now) }, now)
    : { row: { ...row, ...waitingColumns(waiting) }, events: [] }
