/**
 * The state machine of a run: each function takes a state, an input and the store's time, and returns the state after it, or a
 * refusal. All stores use it, so every rule of a run's life is in one place; those of a run that waits are in `WaitTransitions`.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/state-machine.md, docs/decisions/0038-one-state-machine.md
 */
import * as ControlEvents from "@runlease/core/ControlEvents"
import type * as Ids from "@runlease/core/Ids"
import type { Release } from "@runlease/core/Leases"
import * as LogState from "@runlease/core/LogState"
import { type Fence, isTerminal, type LeaseLost, RunEnded } from "@runlease/core/Run"
import * as Budget from "@runlease/core/TreeBudget"
import { Duration, Either } from "effect"
import {
  checkFence,
  whileOwned,
  type EncodedEvent,
  endAttempt,
  eventId,
  finish,
  gateOf,
  isRunnable,
  leaseEpoch,
  type NewEntry,
  nothing,
  enqueue,
  runnable,
  sequence,
  signalled,
  transition,
  type Transition,
  undelayed,
} from "./Transition.js"
import * as LimitPlaces from "./LimitPlaces.js"
import { budgetRootOf, type RunSpec, type RunState, type Holder } from "./RunState.js"
import { chargeEvents, chargeLease } from "./BudgetCharges.js"
import * as TimeRules from "./TimeRules.js"
import { openChildren } from "./ChildTransitions.js"
import { endsAt, endWait } from "./WaitTransitions.js"

// Claims: the lease of a run is granted, renewed, and ends. Source: docs/decisions/0022-claim-ids.md

/** A claim that takes runs. */
export interface Claim {
  readonly workerId: Ids.WorkerId
  /** That of the worker, empty for none. A pinned run keeps the one of its first claim. */
  readonly version: string
  readonly claimId: Ids.ClaimId | null
  readonly leaseMillis: number
}

/**
 * Assigns a runnable run to a worker. The log gets a mark of the attempt before, if one ended without an outcome. `project`: the limit of its
 * project, where that has one.
 */
export const claim = (
  state: RunState,
  { claimId, leaseMillis, version, workerId }: Claim,
  now: number,
  project?: string,
): Transition => {
  const attempt = state.attempt + 1
  const limits = state.limits && LimitPlaces.clear(state.limits)
  return transition(
    {
      ...state,
      status: "running",
      limits: project === undefined ? limits : LimitPlaces.add(limits, project),
      rank: 0,
      version: state.spec.versionPolicy === null ? state.version : (state.version ?? version),
      attempt,
      leaseEpoch: leaseEpoch(state.leaseEpoch + 1),
      holder: {
        workerId,
        expiresAt: now + leaseMillis,
        claimId,
        claimedAt: now,
        renewals: 0,
        renewedAt: now,
        longestGap: 0,
      },
      pastAttempt: null,
      log: state.log.progress === undefined ? state.log : LogState.withoutProgress(state.log),
      updatedAt: now,
      startedAt: state.startedAt ?? now,
    },
    ControlEvents.claimed(state.spec, state.log, state.pastAttempt, { attempt, workerId }),
  )
}

/**
 * Moves a pinned run from one version to another. Undefined where it has ended or has another version, `claimed` while a worker has it.
 */
export const moveVersion = (
  state: RunState,
  { from, to }: { readonly from: string; readonly to: string },
  now: number,
): Transition | "claimed" | undefined => {
  if (isTerminal(state.status) || state.version !== from) return undefined
  if (state.status === "running") return "claimed"
  const moved = { ...state, version: to, updatedAt: now }
  return transition(moved, nothing, isRunnable(moved) ? runnable : nothing)
}

/** Gives an open run the version whose workers may claim it next; null for any. */
export const route = (state: RunState, version: string | null): Transition => {
  const routed = { ...state, version, rank: 0 }
  return transition(routed, nothing, isRunnable(routed) ? runnable : nothing)
}

const renewed = (holder: Holder, expiresAt: number, now: number): Holder => ({
  ...holder,
  expiresAt,
  renewals: holder.renewals + 1,
  renewedAt: now,
  longestGap: Math.max(holder.longestGap, now - holder.renewedAt),
})

const renewedTo = (state: RunState, expiresAt: number, now: number): Transition =>
  transition(
    { ...state, holder: state.holder && renewed(state.holder, expiresAt, now), updatedAt: now },
    [],
    budgetRootOf(state) === undefined ? nothing : chargeLease(state, now),
  )

/**
 * Hands the run once more to a claim that its holder repeats; undefined when this claim does not hold it. That counts as a renewal, so
 * the store knows that the run was handed out twice.
 *
 * Source: docs/decisions/0022-claim-ids.md
 */
export const claimAgain = (state: RunState, claim: Claim, now: number): Transition | undefined => {
  const { holder, status } = state
  if (status !== "running" || holder === null || claim.claimId === null) return undefined
  if (holder.claimId !== claim.claimId || holder.workerId !== claim.workerId) return undefined
  if (holder.expiresAt <= now) return undefined
  return renewedTo(state, Math.max(now + claim.leaseMillis, holder.expiresAt), now)
}

/**
 * Takes a run back from a claim whose caller is gone; undefined when the claim does not hold it, or when a repeat of the claim
 * has handed it out since.
 */
export const abandonClaim = (state: RunState, fence: Fence, now: number): Transition | undefined => {
  if (state.holder?.renewals !== 0 || Either.isLeft(checkFence(state, fence, now))) return undefined
  const reason = "the claim's caller was gone"
  return endAttempt(
    state,
    { ended: "released", reason, counted: false, availableAt: undelayed(state, now) },
    now,
  )
}

export const renew = (
  state: RunState,
  fence: Fence,
  leaseMillis: number,
  now: number,
): Either.Either<Transition, LeaseLost | RunEnded> =>
  Either.map(checkFence(state, fence, now), () => renewedTo(state, now + leaseMillis, now))

/**
 * How a new run begins. `driven`: its submitter executes it, so it is running and no worker claims it. `behind`: an unfinished
 * run has its lane; a driven run goes all the same, and those behind it wait for its end. `limits`: absent for none. `version`: that of its
 * parent, where the parent is pinned; absent for none.
 */
export interface Start {
  readonly driven: boolean
  readonly behind: boolean
  readonly availableAt: number
  readonly limits?: LimitPlaces.LimitPlaces
  readonly budget?: Budget.Limits | undefined
  readonly version?: string | null
}

export const submit = (
  spec: RunSpec,
  { availableAt, behind, budget, driven, limits = null, version = null }: Start,
  now: number,
): Transition => {
  const state: RunState = {
    spec,
    status: driven ? "running" : "pending",
    gate: behind && !driven ? "behind" : gateOf(availableAt, { limits, spec }, now),
    availableAt,
    version,
    limits,
    rank: 0,
    attempt: 0,
    workedMillis: null,
    leaseEpoch: leaseEpoch(0),
    holder: null,
    pastAttempt: null,
    waiting: null,
    children: null,
    budget: budget === undefined ? null : { ...Budget.begin(budget), waiting: [] },
    error: null,
    log: LogState.initial,
    latestEventId: eventId(0),
    latestSequence: sequence(0),
    updatedAt: now,
    startedAt: driven ? now : null,
    finishedAt: null,
  }
  if (driven) return transition(state, ControlEvents.opening(spec, state.log))
  return transition(state, nothing, isRunnable(state) ? runnable : nothing)
}

/**
 * Adds events to the log, which it opens first if need be. `AppendRules` finds the new events of a batch. Those that are `unsequenced` get no
 * step of the sequence.
 */
export const append = (
  state: RunState,
  events: ReadonlyArray<EncodedEvent>,
  now: number,
  unsequenced = false,
): Transition => {
  const { entries, state: opened } = transition(state, ControlEvents.opening(state.spec, state.log))
  const { latestEventId, latestSequence, log } = opened
  const added = events.map(({ event, text }, index): NewEntry => ({
    eventId: eventId(latestEventId + index + 1),
    sequence: unsequenced ? null : sequence(latestSequence + index + 1),
    event,
    text,
  }))
  return {
    state: {
      ...opened,
      latestEventId: eventId(latestEventId + added.length),
      latestSequence: unsequenced ? latestSequence : sequence(latestSequence + added.length),
      log: added.reduce((after, { event }) => LogState.next(after, event), log),
      updatedAt: now,
    },
    entries: entries.length === 0 ? added : [...entries, ...added],
    consequences: chargeEvents(
      state,
      events.map(({ event }) => event),
    ),
  }
}

/**
 * Ends the run and its log. The first outcome remains: `RunEnded` when there is one. A caller without a fence is trusted, and
 * the holder of a run that it cancels has to stop.
 */
export const end = (
  state: RunState,
  fence: Fence | undefined,
  outcome: ControlEvents.AuthoredOutcome,
  now: number,
): Either.Either<Transition, LeaseLost | RunEnded> => {
  const { spec, status } = state
  if (fence !== undefined) {
    return Either.map(checkFence(state, fence, now), () => finish(state, outcome, now))
  }
  if (isTerminal(status)) return Either.left(new RunEnded({ runId: spec.runId, status }))
  const cancelled =
    outcome.status === "cancelled" ? signalled(state, { _tag: "Cancelled", runId: spec.runId }) : nothing
  return Either.right(finish(state, outcome, now, null, cancelled))
}

/** Hands the run back. */
export const release = (
  state: RunState,
  fence: Fence,
  { countAttempt = false, delay = Duration.zero, reason, version }: Release,
  now: number,
): Either.Either<Transition, LeaseLost> =>
  whileOwned(state, fence, now, () => {
    const millis = Duration.toMillis(delay)
    const counted = countAttempt && (version === undefined || state.version !== null)
    return endAttempt(
      version === undefined ? state : { ...state, version },
      {
        ended: counted ? "retry" : "released",
        reason: reason ?? null,
        counted,
        availableAt: millis > 0 ? now + millis : undelayed(state, now),
      },
      now,
    )
  })

/** The earlier of two instants, where null is never. */
const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other)

/**
 * When time alone changes the run next: its lease lapses, its wait or its delay ends, or one of its limits of time is reached; null for
 * never. A run that has ended with open children is always due, until they are cancelled.
 */
export const dueAt = (state: RunState): number | null => {
  const { availableAt, gate, holder, status } = state
  switch (status) {
    case "running":
      return earlier(holder?.expiresAt ?? null, TimeRules.timeoutAt(state))
    case "waiting":
      return endsAt(state)
    case "pending":
      return earlier(gate === "delayed" ? availableAt : null, TimeRules.startBy(state))
    default:
      return openChildren(state) > 0 ? 0 : null
  }
}

/**
 * What time has made of the run: a lease has lapsed, a wait or a delay has ended, a limit of time is reached, or
 * the run has ended before its children; undefined when nothing has.
 */
export const due = (state: RunState, now: number): Transition | undefined => {
  const at = dueAt(state)
  if (at === null || at > now) return undefined
  switch (state.status) {
    case "running":
      return endAttempt(
        state,
        { ended: "lease_expired", reason: null, counted: true, availableAt: undelayed(state, now) },
        now,
      )
    case "waiting":
      return endWait(state, now)
    case "pending":
      return TimeRules.isExpired(state, now)
        ? finish(state, { status: "cancelled", error: TimeRules.expired(state) }, now)
        : enqueue(state, state.availableAt, now)
    default:
      return transition(state, nothing, [{ _tag: "ParentEnded" }])
  }
}

/**
 * Lets a run go that has become the first of its lane; undefined when it was before, or has ended. Where nothing `admits` it to its limits,
 * it is due at once instead.
 */
export const advance = (state: RunState, now: number, admits: boolean): Transition | undefined => {
  if (state.gate !== "behind" || state.finishedAt !== null) return undefined
  const gate = gateOf(state.availableAt, state, now)
  const after: RunState = { ...state, gate: gate === "limited" && !admits ? "delayed" : gate, updatedAt: now }
  return transition(after, nothing, isRunnable(after) ? runnable : nothing)
}
