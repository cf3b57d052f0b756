/** A run: a durable unit of agent work, and what the control plane knows of it. */
import { Schema, Struct } from "effect"
import * as Ids from "./Ids.js"
import { Labels } from "./Labels.js"
import { Seconds } from "./TimeLimits.js"
import { Budget } from "./TreeBudget.js"
import { Answer, Interrupt } from "./Interrupt.js"
import { RequestSnapshot } from "./RequestSnapshot.js"
import { WorkerSession } from "./WorkerSession.js"

/** Where a run is in its life; `docs/state-machine.md` draws the moves between them. */
export const RunStatus = Schema.Literal("pending", "running", "waiting", "completed", "failed", "cancelled")
export type RunStatus = typeof RunStatus.Type

export const TerminalStatus = Schema.Literal("completed", "failed", "cancelled")
export type TerminalStatus = typeof TerminalStatus.Type

export const isTerminal = (status: RunStatus): status is TerminalStatus =>
  status === "completed" || status === "failed" || status === "cancelled"

/** Grows by one with each claim of the run and never falls: the fencing token of its lease. */
export const LeaseEpoch = Schema.NonNegativeInt.pipe(Schema.brand("LeaseEpoch"))
export type LeaseEpoch = typeof LeaseEpoch.Type

/** The position of an event in a run's log; the first event has id 1, and 0 is before it. */
export const EventId = Schema.NonNegativeInt.pipe(Schema.brand("EventId"))
export type EventId = typeof EventId.Type

/**
 * How many events outsiders have appended. Events of the control plane's own (starts, attempt marks,
 * closings, ends) have an `EventId` but no step of this sequence.
 */
export const Sequence = Schema.NonNegativeInt.pipe(Schema.brand("Sequence"))
export type Sequence = typeof Sequence.Type

/** Where the source of the agent comes from, and where it runs; carried for clients, not read here. */
export const Target = Schema.Struct({
  kind: Schema.NullOr(Schema.String),
  environmentId: Schema.NullOr(Schema.String),
  branchId: Schema.NullOr(Schema.String),
  releaseVersion: Schema.NullOr(Schema.String),
})
export type Target = typeof Target.Type

export const noTarget: Target = { kind: null, environmentId: null, branchId: null, releaseVersion: null }

/** Where a run's agent comes from when the submitter does not say: its project as it is. */
export const projectTarget: Target = { ...noTarget, kind: "project" }

/** The tool call that led to this run, when one did. */
export const Trigger = Schema.Struct({
  conversationId: Ids.ConversationId,
  messageId: Ids.MessageId,
  toolCallId: Schema.String,
})
export type Trigger = typeof Trigger.Type

/**
 * Why a run failed: a code for programs and a sentence for people. `detail`: the failure of a typed agent, encoded by the schema of its
 * errors (see `Agent`).
 */
export const RunError = Schema.Struct({
  code: Schema.NullOr(Schema.String),
  message: Schema.String,
  detail: Schema.optional(Schema.Unknown),
})
export type RunError = typeof RunError.Type

/** A worker holds the lease while the run is `running` and the store's clock is before `expiresAt`. */
export const LeaseRecord = Schema.Struct({
  owner: Ids.WorkerId,
  epoch: LeaseEpoch,
  expiresAt: Schema.DateTimeUtcFromNumber,
})
export type LeaseRecord = typeof LeaseRecord.Type

/**
 * What a `waiting` run is suspended for: answers, a time, children, a message, its budget. It resumes with all of the answers, or with the
 * first of the others.
 *
 * `interrupts`: those that it waits for; none when it waits for no answer. `answers`: what of them is answered so far.
 * `expiresAt`: when the run fails because one of the others is not; null is never. `wakesAt`: the time. `children`: groups of
 * children, by their indexes; a group lets the run go on when all of it have ended. `inbox`: a number of messages; one more lets the
 * run go on. `budget`: that somebody raises the budget of its tree.
 */
export const Waiting = Schema.Struct({
  interrupts: Schema.Array(Interrupt),
  answers: Schema.Array(Answer),
  expiresAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  wakesAt: Schema.optional(Schema.DateTimeUtcFromNumber),
  children: Schema.optional(Schema.Array(Schema.Array(Schema.NonNegativeInt))),
  inbox: Schema.optional(Schema.NonNegativeInt),
  budget: Schema.optional(Schema.Literal(true)),
})
export type Waiting = typeof Waiting.Type

/**
 * What a submission notes about its run: stored and shown, read by no rule. A note is a line here, one in `Submission`, its column and a
 * migration.
 */
export const notes = {
  mode: Schema.NullOr(Schema.String),
  trigger: Schema.NullOr(Trigger),
  /** What its submitter calls the batch that it was submitted in. */
  batchId: Schema.NullOr(Schema.String),
}

/**
 * A run of the control plane. Its snapshot and its events are read apart from it.
 *
 * Units: every instant is UTC. `priority`: higher goes first. `attempt` counts claims that are not
 * handed back; it is 0 until the first.
 */
export const Run = Schema.Struct({
  runId: Ids.RunId,
  projectId: Ids.ProjectId,
  conversationId: Ids.ConversationId,
  /** The message that this run is to produce. */
  messageId: Ids.MessageId,
  agentId: Ids.AgentId,
  status: RunStatus,
  ...notes,
  parentRunId: Schema.NullOr(Ids.RunId),
  rootRunId: Ids.RunId,
  implementationKind: Schema.NullOr(Schema.String),
  workerKey: Schema.NullOr(Schema.String),
  /** `pinned`: workers of one version alone claim it. Absent for a run that those of any version claim. */
  versionPolicy: Schema.optional(Schema.Literal("pinned")),
  /** The version of the workers that claim it, empty for workers without a version. Absent until the first claim of a pinned run. */
  version: Schema.optional(Schema.String),
  sourceTarget: Target,
  runtimeTarget: Target,
  priority: Schema.Int,
  /** Runs of one lane do not overlap and go in the order submitted; null is a separate lane. */
  concurrencyKey: Schema.NullOr(Schema.String),
  /** With it the key is no lane: at most this number of runs of the key work at once. Absent where the submission has none. */
  concurrencyLimit: Schema.optional(Schema.Int),
  limits: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /** The key that shares the queue with others, and its weight. Absent where the submission has none. */
  fairnessKey: Schema.optional(Schema.String),
  fairnessWeight: Schema.optional(Schema.Number),
  attempt: Schema.NonNegativeInt,
  maxAttempts: Schema.Positive.pipe(Schema.int()),
  latestEventId: EventId,
  latestSequence: Sequence,
  lease: Schema.NullOr(LeaseRecord),
  leaseEpoch: LeaseEpoch,
  waiting: Schema.NullOr(Waiting),
  /** Of the tree below this run; absent where it is no root with a budget. */
  budget: Schema.optional(Budget),
  /** The limits of time of its submission (see `TimeLimits`). */
  ttlSeconds: Schema.optional(Seconds),
  timeoutSeconds: Schema.optional(Seconds),
  /** When it is cancelled if no worker claims it before; absent once one has, or without a ttl. */
  startBy: Schema.optional(Schema.DateTimeUtcFromNumber),
  /** When its work reaches its timeout if its lease lasts until then; absent without a lease or a timeout. */
  timeoutAt: Schema.optional(Schema.DateTimeUtcFromNumber),
  session: Schema.NullOr(WorkerSession),
  labels: Labels,
  error: Schema.NullOr(RunError),
  metadata: Schema.Unknown,
  /** What the run gave, as its outcome says; null is nothing. */
  result: Schema.Unknown,
  createdAt: Schema.DateTimeUtcFromNumber,
  updatedAt: Schema.DateTimeUtcFromNumber,
  availableAt: Schema.DateTimeUtcFromNumber,
  startedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  finishedAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
})
export type Run = typeof Run.Type

export type Notes = Pick<Run, keyof typeof notes>

const noteNames = Struct.keys(notes)

/** The notes of a run or of a submission; null for each that it has not. */
export const notesOf = (from: { readonly [Name in keyof Notes]?: Notes[Name] | undefined }): Notes => {
  const found: Record<string, unknown> = {}
  for (const name of noteNames) found[name] = from[name] ?? null
  return found as unknown as Notes
}

/**
 * What a worker gets when it claims: the request, the lease, and the position of the log.
 *
 * `leaseEpoch` and `maxAttempts` are null from a control plane that does not send them: its leases are fenced by their
 * owner alone, and it bounds the attempts itself. `snapshot` and `attempt` are never null: from one that sends none,
 * the snapshot is empty and the attempt 1. `waitedMillis` is how long, at least, the claim had waited
 * when the control plane gave the run; 0 from one that does not report it. `queuedMillis` is how long the run had been runnable when it was claimed, by the
 * store's clock; absent where it is not reported. `inbox` is how many messages were sent to the run; absent for none.
 * `budgetRoot` is the run whose budget this one spends; absent where it spends none.
 */
export const ClaimedRun = Schema.Struct({
  runId: Ids.RunId,
  projectId: Schema.NullOr(Ids.ProjectId),
  conversationId: Ids.ConversationId,
  messageId: Ids.MessageId,
  agentId: Ids.AgentId,
  status: RunStatus,
  snapshot: RequestSnapshot,
  sourceTarget: Target,
  runtimeTarget: Target,
  latestEventId: EventId,
  latestSequence: Sequence,
  leaseOwner: Schema.NullOr(Schema.String),
  leaseEpoch: Schema.NullOr(LeaseEpoch),
  leaseExpiresAt: Schema.NullOr(Schema.DateTimeUtcFromNumber),
  attempt: Schema.NonNegativeInt,
  maxAttempts: Schema.NullOr(Schema.NonNegativeInt),
  waitedMillis: Schema.NonNegativeInt,
  session: Schema.NullOr(WorkerSession),
  queuedMillis: Schema.optional(Schema.NonNegativeInt),
  inbox: Schema.optional(Schema.Positive.pipe(Schema.int())),
  budgetRoot: Schema.optional(Ids.RunId),
})
export type ClaimedRun = typeof ClaimedRun.Type

/** The claim's view of a run. */
export const toClaimed = (run: Run, snapshot: RequestSnapshot): ClaimedRun => ({
  runId: run.runId,
  projectId: run.projectId,
  conversationId: run.conversationId,
  messageId: run.messageId,
  agentId: run.agentId,
  status: run.status,
  snapshot,
  sourceTarget: run.sourceTarget,
  runtimeTarget: run.runtimeTarget,
  latestEventId: run.latestEventId,
  latestSequence: run.latestSequence,
  leaseOwner: run.lease?.owner ?? null,
  leaseEpoch: run.leaseEpoch,
  leaseExpiresAt: run.lease?.expiresAt ?? null,
  attempt: run.attempt,
  maxAttempts: run.maxAttempts,
  waitedMillis: 0,
  session: run.session,
})

/**
 * The lease that a caller claims to own. Owner and epoch are compared in the same transaction as the effect; with a null
 * epoch, from a client without epochs, the owner alone.
 */
export interface Fence {
  readonly workerId: Ids.WorkerId
  readonly epoch: LeaseEpoch | null
}

export interface LeaseRef extends Fence {
  readonly runId: Ids.RunId
}

/** No run of this project has that id. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>("@runlease/core/RunNotFound")(
  "RunNotFound",
  { runId: Schema.String },
) {
  override get message() {
    return `Run ${this.runId} does not exist`
  }
}

/** The caller does not hold the run: another claimed it, it lapsed, was handed back, or has ended. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>("@runlease/core/LeaseLost")("LeaseLost", {
  runId: Schema.String,
  workerId: Schema.String,
}) {
  override get message() {
    return `Worker ${this.workerId} does not hold the lease of run ${this.runId}`
  }
}

/** The run has ended with `status`, and nothing can change it any more. */
export class RunEnded extends Schema.TaggedError<RunEnded>("@runlease/core/RunEnded")("RunEnded", {
  runId: Schema.String,
  status: TerminalStatus,
}) {
  override get message() {
    return `Run ${this.runId} has ended: ${this.status}`
  }
}
