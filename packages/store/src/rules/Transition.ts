/**
 * What a transition of a run is, and the steps that several of them share.
 *
 * Units: `now` is in milliseconds since the epoch.
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import * as ControlEvents from "@runlease/core/ControlEvents"
import type * as Ids from "@runlease/core/Ids"
import type { LeaseSignal } from "@runlease/core/Leases"
import * as LogState from "@runlease/core/LogState"
import {
  type EventId,
  type LeaseEpoch,
  type RunError,
  type Sequence,
  type Fence,
  isTerminal,
  LeaseLost,
  RunEnded,
} from "@runlease/core/Run"
import { type LogEntry, RunWaiting } from "@runlease/core/RunLog"
import { Brand, Either } from "effect"
import * as LimitPlaces from "./LimitPlaces.js"
import * as TimeRules from "./TimeRules.js"
import { budgetRootOf, type EndedClaim, type Gate, type RunSpec, type RunState } from "./RunState.js"
import { chargeLease, type BudgetCharge } from "./BudgetCharges.js"

/** An event and its JSON, which is written once. */
export interface EncodedEvent {
  readonly event: LogEvent
  readonly text: string
}

/** An entry for the log, created when its transition is. */
export interface NewEntry extends EncodedEvent, Omit<LogEntry, "createdAt"> {}

/**
 * What a transition means beyond its run.
 *
 * - `Runnable`: a worker may claim the run from now on.
 * - `LaneFreed`: the run may have been the first of its lane, so that the first one now may `advance`.
 * - `Signalled`: this worker, which executes the run, gets a signal.
 * - `ClaimEnded`: a claim ended without an outcome: the run continues without it, or its lease lapsed in the last attempt.
 * - `ChildEnded`: the run was the child of this one.
 * - `Spent`: the run has spent of the budget that this root has.
 * - `AwaitsBudget`: the run waits for that budget.
 * - `BudgetRaised`: these runs have waited for it.
 * - `ParentEnded`: the run has ended before some of its children.
 */
export type Consequence =
  | { readonly _tag: "Runnable" }
  | { readonly _tag: "LaneFreed"; readonly lane: string }
  | { readonly _tag: "Signalled"; readonly workerId: Ids.WorkerId; readonly signal: LeaseSignal }
  | { readonly _tag: "ClaimEnded"; readonly claim: EndedClaim }
  | { readonly _tag: "ChildEnded"; readonly parent: Ids.RunId }
  | { readonly _tag: "ParentEnded" }
  | BudgetCharge
  | { readonly _tag: "AwaitsBudget"; readonly root: Ids.RunId }
  | { readonly _tag: "BudgetRaised"; readonly runs: ReadonlyArray<Ids.RunId> }

/** The state after a step of a run's life, the entries that its log gets with it, and the consequences. */
export interface Transition {
  readonly state: RunState
  readonly entries: ReadonlyArray<NewEntry>
  readonly consequences: ReadonlyArray<Consequence>
}

// These numbers grow by one from numbers that were checked.
export const eventId = Brand.nominal<EventId>()
export const sequence = Brand.nominal<Sequence>()
export const leaseEpoch = Brand.nominal<LeaseEpoch>()

export const nothing: ReadonlyArray<never> = []
export const runnable: ReadonlyArray<Consequence> = [{ _tag: "Runnable" }]

/** A transition to `state`, with events of the control plane's own for its log. */
export const transition = (
  state: RunState,
  events: ReadonlyArray<LogEvent> = nothing,
  consequences: ReadonlyArray<Consequence> = nothing,
): Transition => {
  if (events.length === 0) return { state, entries: nothing, consequences }
  const { latestEventId } = state
  return {
    state: {
      ...state,
      log: LogState.afterAll(state.log, events),
      latestEventId: eventId(latestEventId + events.length),
    },
    entries: events.map((event, index) => ({
      eventId: eventId(latestEventId + index + 1),
      sequence: null,
      event,
      text: JSON.stringify(event),
    })),
    consequences,
  }
}

/** Whether nothing but a claim is between the run and its start. */
export const isRunnable = ({ gate, status }: Pick<RunState, "gate" | "status">): boolean =>
  status === "pending" && gate === "runnable"

/** Whether a claim may take the run now: it is runnable, and its time for a start is not over. */
export const isClaimable = (state: RunState, now: number): boolean =>
  isRunnable(state) && (state.spec.timeLimits === null || !TimeRules.isExpired(state, now))

/** Whether a run that a claim has returned may have a session: a holder before has recorded one, or the run has that of the one that it repeats. */
export const mayHaveSession = ({ latestEventId, leaseEpoch }: RunState): boolean =>
  leaseEpoch > 1 || latestEventId > 1

/**
 * The gate of a pending run that is behind no other. A run that was submitted without a delay has none, also where the
 * clock was set back since. One with limits waits for places.
 */
export const gateOf = (
  availableAt: number,
  {
    limits,
    spec: { createdAt },
  }: { readonly spec: Pick<RunSpec, "createdAt">; readonly limits: LimitPlaces.LimitPlaces },
  now: number,
): Gate =>
  availableAt > now && availableAt > createdAt ? "delayed" : limits === null ? "runnable" : "limited"

/** When a run that was claimed may be claimed again: its time had come, also where the clock was set back since. */
export const undelayed = ({ availableAt }: RunState, now: number): number => Math.min(availableAt, now)

/** The signal for the holder of a run; nothing where no worker executes it. */
export const signalled = ({ holder, status }: RunState, signal: LeaseSignal): ReadonlyArray<Consequence> =>
  status === "running" && holder !== null
    ? [{ _tag: "Signalled", workerId: holder.workerId, signal }]
    : nothing

/** The record of a claim that ends without an outcome; nothing for a run that no claim had. */
const endedClaim = (
  { attempt, holder, leaseEpoch }: RunState,
  ended: EndedClaim["ended"],
  now: number,
): ReadonlyArray<Consequence> =>
  holder === null
    ? nothing
    : [{ _tag: "ClaimEnded", claim: { holder, attempt, leaseEpoch, ended, endedAt: now } }]

/** What the end of a claim without an outcome means. */
export const claimEnded = (
  state: RunState,
  ended: EndedClaim["ended"],
  now: number,
): ReadonlyArray<Consequence> => [...endedClaim(state, ended, now), ...chargeLease(state, now)]

/** A run that was claimed, or whose delay is over, waits for a claim. It is the first of its lane. */
export const enqueue = (
  before: RunState,
  availableAt: number,
  now: number,
  consequences: ReadonlyArray<Consequence> = nothing,
): Transition => {
  const limits = before.limits && LimitPlaces.clear(before.limits)
  const gate = gateOf(availableAt, { spec: before.spec, limits }, now)
  return transition(
    {
      ...before,
      status: "pending",
      gate,
      availableAt,
      limits,
      rank: 0,
      holder: null,
      waiting: null,
      updatedAt: now,
    },
    nothing,
    gate === "runnable" ? [...runnable, ...consequences] : consequences,
  )
}

/** A run whose wait is over is pending again. */
export const resumeRun = (state: RunState, now: number): Transition =>
  enqueue(state, undelayed(state, now), now)

/** The same after a transition that ended the wait of a run which no worker holds: what it wrote stays. */
export const resumeAfter = ({ entries, state }: Transition, now: number): Transition => ({
  ...resumeRun(state, now),
  entries,
})

/** The most characters of the message of an error: every list of runs has it. */
const maxMessage = 16_384

const withinBounds = (
  outcome: ControlEvents.AuthoredOutcome,
  error: RunError,
): ControlEvents.AuthoredOutcome =>
  error.message.length <= maxMessage
    ? outcome
    : {
        ...outcome,
        error: { ...error, message: `${error.message.slice(0, maxMessage - 1).toWellFormed()}…` },
      }

/** The only way into a terminal status. */
export const finish = (
  before: RunState,
  reported: ControlEvents.AuthoredOutcome,
  now: number,
  lastAttempt: ControlEvents.PastAttempt | null = null,
  consequences: ReadonlyArray<Consequence> = nothing,
): Transition => {
  const { gate, log, spec } = before
  const outcome = reported.error == null ? reported : withinBounds(reported, reported.error)
  return transition(
    {
      ...before,
      status: outcome.status,
      limits: before.limits && LimitPlaces.clear(before.limits),
      rank: 0,
      pastAttempt: null,
      waiting: null,
      error: outcome.error ?? null,
      updatedAt: now,
      finishedAt: now,
    },
    ControlEvents.ended(spec, log, outcome, lastAttempt),
    [
      ...consequences,
      ...(budgetRootOf(before) === undefined ? nothing : chargeLease(before, now)),
      // The end of a run behind the first of its lane frees no lane.
      ...(spec.lane === null || gate === "behind"
        ? nothing
        : [{ _tag: "LaneFreed", lane: spec.lane } as const]),
      ...(spec.child === null ? nothing : [{ _tag: "ChildEnded", parent: spec.child.parent } as const]),
      ...((before.children?.open ?? 0) > 0 ? [{ _tag: "ParentEnded" } as const] : nothing),
    ],
  )
}

export const fail = (before: RunState, error: RunError, now: number): Transition =>
  finish(before, { status: "failed", error }, now)

/** Fails a run that has worked for as long as it may. Its worker, if it still has one, has to stop. */
export const timeOut = (before: RunState, now: number): Transition =>
  finish(
    before,
    { status: "failed", error: TimeRules.timedOut(before) },
    now,
    null,
    signalled(before, { _tag: "Cancelled", runId: before.spec.runId }),
  )

/**
 * The number of an attempt that ends without an outcome, as the next one counts from it; undefined when none is left. One that has
 * recorded a step counts as the first. A run of one attempt has no second in any case.
 *
 * Source: docs/decisions/0061-progress-against-poison.md
 */
const attemptAfter = ({ attempt, log, spec }: RunState, counted: boolean): number | undefined => {
  const made = log.progress === true ? 1 : attempt
  if (!counted) return made - 1
  return made < spec.maxAttempts ? made : undefined
}

/** An attempt ends without an outcome: the run is pending again or, with no attempts or no time left, failed. */
export const endAttempt = (
  before: RunState,
  how: {
    readonly ended: ControlEvents.AttemptEnd
    readonly reason: string | null
    readonly counted: boolean
    readonly availableAt: number
  },
  now: number,
): Transition => {
  if (TimeRules.isOverTime(before, now)) return timeOut(before, now)
  const { attempt, holder, spec } = before
  const past: ControlEvents.PastAttempt = {
    attempt,
    workerId: holder?.workerId ?? "",
    ended: how.ended,
    reason: how.reason,
  }
  const counted = attemptAfter(before, how.counted)
  if (counted === undefined) {
    const error = ControlEvents.attemptsExhausted(spec.maxAttempts, past)
    const lost = how.ended === "lease_expired" ? endedClaim(before, how.ended, now) : nothing
    return finish(before, { status: "failed", error }, now, past, lost)
  }
  const workedMillis = TimeRules.worked(before, now)
  const after = { ...before, attempt: counted, pastAttempt: past, workedMillis }
  return enqueue(after, how.availableAt, now, claimEnded(before, how.ended, now))
}

// Fences. Source: docs/decisions/0003-fencing-and-the-local-deadline.md

/** Whether a fence names the holder of the run. `RunEnded`: it was the holder when the run ended. */
export const checkFence = (
  { finishedAt, holder, leaseEpoch, spec, status }: RunState,
  fence: Fence,
  now: number,
): Either.Either<void, LeaseLost | RunEnded> => {
  if (holder?.workerId === fence.workerId && (fence.epoch === null || fence.epoch === leaseEpoch)) {
    if (isTerminal(status)) {
      // A lease that had lapsed did not hold the run when it ended.
      if ((finishedAt ?? now) < holder.expiresAt) {
        return Either.left(new RunEnded({ runId: spec.runId, status }))
      }
    } else if (status === "running" && now < holder.expiresAt) return Either.void
  }
  return Either.left(new LeaseLost({ runId: spec.runId, workerId: fence.workerId }))
}

/** Whether a fence names the holder of the run; a run that has ended has no holder. */
export const holds = (state: RunState, fence: Fence, now: number): Either.Either<void, LeaseLost> =>
  Either.mapLeft(checkFence(state, fence, now), (error) =>
    error._tag === "LeaseLost" ? error : new LeaseLost({ runId: error.runId, workerId: fence.workerId }),
  )

/** Makes a transition that only the holder may make. */
export const whileOwned = (
  state: RunState,
  fence: Fence,
  now: number,
  make: () => Transition,
): Either.Either<Transition, LeaseLost> => Either.map(holds(state, fence, now), make)

/** Whether the run takes events from this caller; one without a fence is trusted. */
export const admits = (
  state: RunState,
  fence: Fence | undefined,
  now: number,
): Either.Either<void, LeaseLost | RunEnded | RunWaiting> => {
  const { runId } = state.spec
  if (fence !== undefined) {
    const verdict = checkFence(state, fence, now)
    if (Either.isLeft(verdict)) return verdict
  }
  if (isTerminal(state.status)) return Either.left(new RunEnded({ runId, status: state.status }))
  return state.status === "waiting" ? Either.left(new RunWaiting({ runId })) : Either.void
}
