/** A run as the rules and the stores see it: what its submission fixes, where it is in its life, and what is stored with it. */
import type { AttemptEnd, PastAttempt } from "@runlease/core/ControlEvents"
import * as Fairness from "@runlease/core/Fairness"
import type * as Ids from "@runlease/core/Ids"
import type { LogState } from "@runlease/core/LogState"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import {
  type ClaimedRun,
  type EventId,
  type LeaseEpoch,
  type LeaseRecord,
  type Notes,
  notesOf,
  type Run,
  type RunError,
  type RunStatus,
  type Sequence,
  type Waiting,
} from "@runlease/core/Run"
import type { TimeLimits } from "@runlease/core/TimeLimits"
import type { Budget } from "@runlease/core/TreeBudget"
import { DateTime } from "effect"
import * as LimitKey from "./LimitKey.js"
import type { LimitPlaces } from "./LimitPlaces.js"
import * as TimeRules from "./TimeRules.js"

// What a run has to do with the other runs of its tree: its place below its parent, its children, and the budget of the tree.

/**
 * How a run belongs to its parent. `index`: the children of a run are counted from 0. `depth`: how many runs are above it. `lanes`: those
 * of the runs above it, absent for none. `budget`: the root whose budget it spends; absent where the tree has none. `tellsParent`: its end
 * is a message to its parent.
 */
export interface ChildSpec {
  readonly parent: Ids.RunId
  readonly index: number
  readonly depth: number
  readonly lanes?: ReadonlyArray<string>
  readonly budget?: Ids.RunId
  readonly tellsParent?: true
}

/** The budget of a tree, and the runs below its root that wait for it. */
export interface Ledger extends Budget {
  readonly waiting: ReadonlyArray<Ids.RunId>
}

/**
 * The children of a run: how many there are, how many of them have not ended, and which have. `ended` is a number in hex digits, whose
 * bit `n` is that of the child with index `n`.
 */
export interface Children {
  readonly count: number
  readonly open: number
  readonly ended: string
}

/** What the submission of a run fixes for good. Instants are milliseconds since the epoch. */
export interface RunSpec {
  readonly projectId: Ids.ProjectId
  readonly runId: Ids.RunId
  readonly conversationId: Ids.ConversationId
  readonly messageId: Ids.MessageId
  readonly agentId: Ids.AgentId
  readonly implementationKind: string | null
  readonly workerKey: string | null
  /** `pinned`: the version of its first claim is a part of its route; null for a run of any version. */
  readonly versionPolicy: "pinned" | null
  /** Runs of one lane go one after the other; null is a separate lane. */
  readonly lane: string | null
  /** The limit of its concurrency key; null where that is a lane. */
  readonly limit: string | null
  /** How many, as the submission has it; null where it does not. */
  readonly concurrencyLimit: number | null
  /** Until a worker claims the run, it takes the later submissions of this key; null for a run that takes none. */
  readonly debounceKey: string | null
  /** Its keys at limits with names, narrow to wide; null for none. */
  readonly namedLimits: Readonly<Record<string, string>> | null
  readonly priority: number
  readonly maxAttempts: number
  readonly createdAt: number
  /** Null for a run without limits of time. */
  readonly timeLimits: TimeLimits | null
  readonly fairness: Fairness.Fairness | null
  /** Absent for the root of a tree. */
  readonly child: ChildSpec | null
}

/**
 * What a pending run waits for: `runnable`, nothing but a claim; `delayed`, its `availableAt`; `behind`, the runs before it in
 * its lane; `limited`, a place at the first of its limits where it has none. Only `behind` means something for a run that is not pending.
 */
export type Gate = "runnable" | "delayed" | "behind" | "limited"

/** The worker that the lease of a run belongs to, and how it has been renewed. */
export interface Holder {
  readonly workerId: Ids.WorkerId
  readonly expiresAt: number
  /** The id of the claim that gave the run, where it has one. */
  readonly claimId: Ids.ClaimId | null
  readonly claimedAt: number
  readonly renewals: number
  /** The last renewal, or the claim. */
  readonly renewedAt: number
  /** The longest time between two renewals so far, in milliseconds; the time since the last one is not in it. */
  readonly longestGap: number
}

/** A claim that ended without an outcome. */
export interface EndedClaim {
  readonly holder: Holder
  readonly attempt: number
  readonly leaseEpoch: LeaseEpoch
  readonly ended: AttemptEnd | "suspended" | "waiting"
  readonly endedAt: number
}

/** Where a run is in its life: all that transitions read and change. Instants are milliseconds since the epoch. */
export interface RunState {
  readonly spec: RunSpec
  readonly status: RunStatus
  readonly gate: Gate
  readonly availableAt: number
  /** The version of the workers that may claim it, empty for workers without one; null for any. */
  readonly version: string | null
  /** Its limits, from narrow to wide, with its places there while it is pending. */
  readonly limits: LimitPlaces
  /** The place of a pending run among those of its priority, as `FairRules` computes it; 0 for none. */
  readonly rank: number
  readonly attempt: number
  /** How long the claims that ended have worked; null for none, and for a run without a timeout. */
  readonly workedMillis: number | null
  readonly leaseEpoch: LeaseEpoch
  /** Stays when the run ends, so that its last holder learns how. */
  readonly holder: Holder | null
  /** The attempt that ended without an outcome and is not yet marked in the log. */
  readonly pastAttempt: PastAttempt | null
  readonly waiting: Waiting | null
  /** Null for a run that has spawned none. */
  readonly children: Children | null
  /** Null for a run that is no root with a budget. */
  readonly budget: Ledger | null
  readonly error: RunError | null
  readonly log: LogState
  readonly latestEventId: EventId
  readonly latestSequence: Sequence
  readonly updatedAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
}

/** What clients see of a run besides its state; no transition reads it. */
export type RunDetails = Pick<
  Run,
  | keyof Notes
  | "parentRunId"
  | "rootRunId"
  | "sourceTarget"
  | "runtimeTarget"
  | "session"
  | "labels"
  | "metadata"
  | "result"
>

/** An instant in milliseconds since the epoch, where there is one. */
export const instantOrNull = (millis: number | null): DateTime.Utc | null =>
  millis === null ? null : DateTime.unsafeMake(millis)

/** The lease of a run that has one, lapsed or not. */
export const leaseOf = ({ holder, leaseEpoch, status }: RunState): LeaseRecord | null =>
  status === "running" && holder !== null
    ? { owner: holder.workerId, epoch: leaseEpoch, expiresAt: DateTime.unsafeMake(holder.expiresAt) }
    : null

/** The root whose budget a run spends; undefined where it spends none. */
export const budgetRootOf = ({ budget, spec }: Pick<RunState, "budget" | "spec">): Ids.RunId | undefined =>
  spec.child?.budget ?? (budget === null ? undefined : spec.runId)

export const lanesOf = ({ spec: { child, lane } }: Pick<RunState, "spec">): ReadonlyArray<string> => {
  const above = child?.lanes ?? []
  return lane === null ? above : [...above, lane]
}

/** The limits of time of a run, and when they end it. */
const timesOf = (state: RunState) => {
  const startBy = TimeRules.startBy(state)
  const timeoutAt = TimeRules.timeoutAt(state)
  return {
    ...state.spec.timeLimits,
    ...(startBy === null ? {} : { startBy: DateTime.unsafeMake(startBy) }),
    ...(timeoutAt === null ? {} : { timeoutAt: DateTime.unsafeMake(timeoutAt) }),
  }
}

/** The run as its clients see it. */
export const toRun = (state: RunState, details: RunDetails): Run => {
  const { spec } = state
  return {
    runId: spec.runId,
    projectId: spec.projectId,
    conversationId: spec.conversationId,
    messageId: spec.messageId,
    agentId: spec.agentId,
    status: state.status,
    ...notesOf(details),
    parentRunId: details.parentRunId,
    rootRunId: details.rootRunId,
    implementationKind: spec.implementationKind,
    workerKey: spec.workerKey,
    ...(spec.versionPolicy === null ? {} : { versionPolicy: spec.versionPolicy }),
    ...(state.version === null ? {} : { version: state.version }),
    sourceTarget: details.sourceTarget,
    runtimeTarget: details.runtimeTarget,
    priority: spec.priority,
    concurrencyKey: spec.limit === null ? spec.lane : LimitKey.subjectOf(spec.limit).key,
    ...(spec.concurrencyLimit === null ? {} : { concurrencyLimit: spec.concurrencyLimit }),
    ...(spec.namedLimits === null ? {} : { limits: spec.namedLimits }),
    ...(spec.fairness === null ? {} : Fairness.fieldsOf(spec.fairness)),
    attempt: state.attempt,
    maxAttempts: spec.maxAttempts,
    latestEventId: state.latestEventId,
    latestSequence: state.latestSequence,
    lease: leaseOf(state),
    leaseEpoch: state.leaseEpoch,
    waiting: state.waiting,
    ...(state.budget === null ? {} : { budget: { limits: state.budget.limits, spent: state.budget.spent } }),
    ...(spec.timeLimits === null ? {} : timesOf(state)),
    session: details.session,
    labels: details.labels,
    error: state.error,
    metadata: details.metadata,
    result: details.result,
    createdAt: DateTime.unsafeMake(spec.createdAt),
    updatedAt: DateTime.unsafeMake(state.updatedAt),
    availableAt: DateTime.unsafeMake(state.availableAt),
    startedAt: instantOrNull(state.startedAt),
    finishedAt: instantOrNull(state.finishedAt),
  }
}

/**
 * The run as its claim hands it to a worker. `queuedMillis` is how long it had been runnable then; undefined where a claim gets it
 * again.
 */
export const toClaimed = (
  state: RunState,
  { session, ...targets }: Pick<RunDetails, "sourceTarget" | "runtimeTarget" | "session">,
  snapshot: RequestSnapshot,
  queuedMillis: number | undefined,
): ClaimedRun => {
  const { spec } = state
  const lease = leaseOf(state)
  const budgetRoot = budgetRootOf(state)
  return {
    runId: spec.runId,
    projectId: spec.projectId,
    conversationId: spec.conversationId,
    messageId: spec.messageId,
    agentId: spec.agentId,
    status: state.status,
    snapshot,
    sourceTarget: targets.sourceTarget,
    runtimeTarget: targets.runtimeTarget,
    latestEventId: state.latestEventId,
    latestSequence: state.latestSequence,
    leaseOwner: lease?.owner ?? null,
    leaseEpoch: state.leaseEpoch,
    leaseExpiresAt: lease?.expiresAt ?? null,
    attempt: state.attempt,
    maxAttempts: spec.maxAttempts,
    waitedMillis: 0,
    session,
    ...(queuedMillis === undefined ? {} : { queuedMillis }),
    ...(state.log.inbox === undefined ? {} : { inbox: state.log.inbox }),
    ...(budgetRoot === undefined ? {} : { budgetRoot }),
  }
}
