/**
 * The moves of a run through its life, each inside one step of the state.
 */
import { DateTime, Option } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { sizeOf } from "../rules/AppendRules.js"
import * as ControlEvents from "../rules/ControlEvents.js"
import type * as Ids from "../model/Ids.js"
import * as LogState from "../rules/LogState.js"
import {
  EventId,
  type Fence,
  isTerminal,
  LeaseEpoch,
  type LeaseRecord,
  type Run,
  type RunError,
  Sequence,
  type TerminalStatus,
  type Waiting,
} from "../model/Run.js"
import type { Outcome } from "../ports/Runs.js"
import { logKey, type Route } from "../store/Wakeups.js"
import { projectOf, type RunRecord, type Step } from "./State.js"

/** Changes some of what is known of the run. */
export const update = (step: Step, record: RunRecord, change: Partial<Run>): void => {
  record.run = { ...record.run, ...change, updatedAt: step.at }
}

/** Adds events to the log; `own` ones are the control plane's and take no step of the sequence. */
export const log = (
  step: Step,
  record: RunRecord,
  events: ReadonlyArray<LogEvent>,
  origin: "own" | "external",
): void => {
  if (events.length === 0) return
  let { latestEventId, latestSequence } = record.run
  for (const event of events) {
    latestEventId = EventId.make(latestEventId + 1)
    if (origin === "external") latestSequence = Sequence.make(latestSequence + 1)
    record.entries.push({
      eventId: latestEventId,
      sequence: origin === "external" ? latestSequence : null,
      event,
      createdAt: step.at,
    })
    record.sizes.push(sizeOf(event))
  }
  record.logState = LogState.afterAll(record.logState, events)
  update(step, record, { latestEventId, latestSequence })
  step.grown.set(logKey(record.run), latestEventId)
}

const laneOf = (step: Step, { run }: RunRecord): Set<RunRecord> | undefined =>
  run.concurrencyKey === null ? undefined : projectOf(step.state, run.projectId).lanes.get(run.concurrencyKey)

const isFirstOfLane = (step: Step, record: RunRecord): boolean => {
  const lane = laneOf(step, record)
  return lane === undefined || lane.values().next().value === record
}

const isDue = (step: Step, { run }: RunRecord): boolean => DateTime.toEpochMillis(run.availableAt) <= step.now

/** Whether a claim may take the run now, as far as the run itself goes. */
export const isRunnable = (step: Step, record: RunRecord): boolean =>
  record.run.status === "pending" && isDue(step, record) && isFirstOfLane(step, record)

const announceIfRunnable = (step: Step, record: RunRecord): void => {
  if (isRunnable(step, record)) step.runnable.push(record.run satisfies Route)
}

/** Adds a new run to its project, in the lane behind those before it. */
export const enter = (step: Step, record: RunRecord): void => {
  const { run } = record
  const project = projectOf(step.state, run.projectId)
  project.runs.set(run.runId, record)
  if (run.concurrencyKey !== null) {
    const lane = project.lanes.get(run.concurrencyKey) ?? new Set()
    project.lanes.set(run.concurrencyKey, lane.add(record))
  }
  if (run.status === "pending") makePending(step, record, {})
}

/** Makes the run wait for a claim. */
export const makePending = (step: Step, record: RunRecord, change: Partial<Run>): void => {
  update(step, record, { ...change, status: "pending", lease: null, waiting: null })
  step.state.leased.delete(record)
  step.state.expiring.delete(record)
  projectOf(step.state, record.run.projectId).pending.add(record)
  if (!isDue(step, record)) step.state.delayed.add(record)
  announceIfRunnable(step, record)
}

/** Gives the run to a worker. */
export const take = (
  step: Step,
  record: RunRecord,
  claim: { readonly workerId: Ids.WorkerId; readonly claimId: Ids.ClaimId | null; readonly millis: number },
): void => {
  const { run } = record
  const { claimId, millis, workerId } = claim
  record.claimId = claimId
  const epoch = LeaseEpoch.make(run.leaseEpoch + 1)
  const attempt = run.attempt + 1
  update(step, record, {
    status: "running",
    attempt,
    leaseEpoch: epoch,
    lease: { owner: workerId, epoch, expiresAt: DateTime.unsafeMake(step.now + millis) },
    startedAt: run.startedAt ?? step.at,
  })
  projectOf(step.state, run.projectId).pending.delete(record)
  step.state.delayed.delete(record)
  step.state.leased.add(record)
  log(
    step,
    record,
    ControlEvents.claimed(run, record.logState, record.pastAttempt, { attempt, workerId }),
    "own",
  )
  record.pastAttempt = null
}

/** Gives the run once more by the claim that its holder repeats; what the repeat gives expires later than what the claim gave. */
export const takeAgain = (step: Step, record: RunRecord, lease: LeaseRecord, millis: number): void => {
  const expiresAt = Math.max(step.now + millis, DateTime.toEpochMillis(lease.expiresAt) + 1)
  update(step, record, { lease: { ...lease, expiresAt: DateTime.unsafeMake(expiresAt) } })
}

/** Frees the run until it is answered; its attempts count anew from there. */
export const suspend = (step: Step, record: RunRecord, waiting: Waiting): void => {
  log(step, record, ControlEvents.suspended(record.run, record.logState, waiting), "own")
  update(step, record, { status: "waiting", waiting, lease: null, attempt: 0 })
  step.state.leased.delete(record)
  if (waiting.expiresAt !== null) step.state.expiring.add(record)
}

/** Goes on waiting for what is still open, or not at all. */
export const answered = (step: Step, record: RunRecord, waiting: Waiting | null): void => {
  if (waiting === null) return makePending(step, record, {})
  update(step, record, { waiting })
  if (waiting.expiresAt === null) step.state.expiring.delete(record)
}

const isLive = (step: Step, lease: LeaseRecord | null): lease is LeaseRecord =>
  lease !== null && step.now < DateTime.toEpochMillis(lease.expiresAt)

/** Ends the run, closes its log and lets the next of its lane go. */
export const end = (
  step: Step,
  record: RunRecord,
  outcome: Outcome,
  lastAttempt: ControlEvents.PastAttempt | null = null,
): void => {
  const { run } = record
  const { error = null, metadata = run.metadata, result = null, status } = outcome
  const lane = laneOf(step, record)
  log(step, record, ControlEvents.ended(run, record.logState, outcome, lastAttempt), "own")
  record.lastHolder = isLive(step, run.lease) ? { workerId: run.lease.owner, epoch: run.lease.epoch } : null
  record.pastAttempt = null
  update(step, record, {
    status,
    error,
    metadata,
    result,
    lease: null,
    waiting: null,
    finishedAt: step.at,
  })
  const project = projectOf(step.state, run.projectId)
  project.pending.delete(record)
  step.state.delayed.delete(record)
  step.state.leased.delete(record)
  step.state.expiring.delete(record)
  if (lane === undefined) return
  const wasFirst = isFirstOfLane(step, record)
  lane.delete(record)
  const next = lane.values().next().value
  if (next === undefined) project.lanes.delete(run.concurrencyKey!)
  else if (wasFirst) announceIfRunnable(step, next)
}

const failed = (error: RunError): Outcome => ({ status: "failed", error })

/** Ends the run as cancelled and tells whoever holds it. */
export const cancel = (step: Step, record: RunRecord, outcome: Outcome = { status: "cancelled" }): void => {
  const { lease, runId } = record.run
  end(step, record, outcome)
  if (lease !== null) step.cancelled.push({ workerId: lease.owner, runId })
}

/** Ends an attempt that gave no outcome: the run is pending again or, with no attempts left, failed. */
export const endAttempt = (
  step: Step,
  record: RunRecord,
  lease: LeaseRecord,
  how: {
    readonly ended: ControlEvents.AttemptEnd
    readonly reason: string | null
    readonly counted: boolean
    readonly delayMillis: number
  },
): void => {
  const { attempt, maxAttempts, availableAt } = record.run
  const past: ControlEvents.PastAttempt = {
    attempt,
    workerId: lease.owner,
    ended: how.ended,
    reason: how.reason,
  }
  if (how.counted && attempt >= maxAttempts) {
    end(step, record, failed(ControlEvents.attemptsExhausted(maxAttempts, past)), past)
    return
  }
  record.pastAttempt = past
  makePending(step, record, {
    attempt: how.counted ? attempt : attempt - 1,
    availableAt: how.delayMillis > 0 ? DateTime.unsafeMake(step.now + how.delayMillis) : availableAt,
  })
}

/** Fails the run when its wait is over; gives whether it was. */
export const expireWait = (step: Step, record: RunRecord): boolean => {
  const { waiting } = record.run
  if (waiting === null || waiting.expiresAt === null) return false
  if (DateTime.toEpochMillis(waiting.expiresAt) > step.now) return false
  end(step, record, failed(ControlEvents.waitExpired(waiting)))
  return true
}

/** Takes back every lapsed lease, fails every run that waited too long and lets go every run whose time has come. */
export const sweep = (step: Step): void => {
  for (const record of step.state.leased) {
    const { lease } = record.run
    if (lease !== null && DateTime.toEpochMillis(lease.expiresAt) <= step.now) {
      endAttempt(step, record, lease, {
        ended: "lease_expired",
        reason: null,
        counted: true,
        delayMillis: 0,
      })
    }
  }
  for (const record of step.state.expiring) expireWait(step, record)
  for (const record of step.state.delayed) {
    if (isDue(step, record)) {
      step.state.delayed.delete(record)
      announceIfRunnable(step, record)
    }
  }
}

/** When the next lease lapses, wait expires or delay ends. */
export const nextDue = (step: Step): Option.Option<number> => {
  let due = Number.POSITIVE_INFINITY
  for (const { run } of step.state.leased) {
    if (run.lease !== null) due = Math.min(due, DateTime.toEpochMillis(run.lease.expiresAt))
  }
  for (const { run } of step.state.expiring) {
    if (run.waiting?.expiresAt) due = Math.min(due, DateTime.toEpochMillis(run.waiting.expiresAt))
  }
  for (const { run } of step.state.delayed) due = Math.min(due, DateTime.toEpochMillis(run.availableAt))
  return Number.isFinite(due) ? Option.some(due) : Option.none()
}

/**
 * What a fence is to a run: `Held`; `Ended`, when the run ended under this very lease; or `Lost`.
 */
export type Standing =
  | { readonly _tag: "Held"; readonly lease: LeaseRecord }
  | { readonly _tag: "Ended"; readonly status: TerminalStatus }
  | { readonly _tag: "Lost" }

export const standing = (step: Step, record: RunRecord, fence: Fence): Standing => {
  const { lease, status } = record.run
  const names = (workerId: Ids.WorkerId, epoch: LeaseEpoch) =>
    workerId === fence.workerId && (fence.epoch === null || epoch === fence.epoch)
  if (lease !== null && names(lease.owner, lease.epoch)) {
    return isLive(step, lease) ? { _tag: "Held", lease } : { _tag: "Lost" }
  }
  const { lastHolder } = record
  return isTerminal(status) && lastHolder !== null && names(lastHolder.workerId, lastHolder.epoch)
    ? { _tag: "Ended", status }
    : { _tag: "Lost" }
}
