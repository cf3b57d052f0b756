/**
 * The rows of one transaction of a store, whatever its tables are. The operations on runs are written once over them.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch.
 *
 * Source: docs/decisions/0039-a-store-implements-rows.md, docs/writing-a-store.md
 */
import type { AcceptedInput } from "@runlease/core/FollowUp"
import type * as Ids from "@runlease/core/Ids"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import type { ResumeRecord } from "@runlease/core/ResumeRules"
import type { ClaimedRun } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import type { Effect } from "effect"
import type { ScopedLimits } from "../rules/LimitRules.js"
import type { RunDetails } from "../rules/RunState.js"
import type { CounterDelta } from "./CounterRows.js"
import type { Identified, RecordRows, RecordTable } from "./Records.js"
import type { FlowRows } from "./FlowRows.js"
import type { LimitRows } from "./LimitRows.js"
import type { SummaryRows } from "./SummaryRows.js"
import type { Change, NewRun, RunKey, RunRef, StoredRun } from "./StoredRun.js"

export { byPreference } from "./StoredRun.js"
export type { Change, DetailChanges, NewRun, RunKey, RunRef, StoredRun, UserMessage } from "./StoredRun.js"

/** The project of a runnable run, and the workers that it accepts. `version`: empty for workers without one, null for any. */
export interface Route {
  readonly projectId: string
  readonly implementationKind: string | null
  readonly workerKey: string | null
  readonly version: string | null
  readonly agentId: string
}

/** Which runs a worker may claim. `version`: empty for a worker without one. */
export interface WorkerIdentity {
  readonly projectId: Ids.ProjectId
  readonly implementationKind: string
  readonly workerKey: string
  readonly version: string
}

/** `name`: what people call the worker. */
export interface NamedWorker extends WorkerIdentity {
  readonly name: string
}

/**
 * A search for at most `wanted` runnable runs: those whose kind, key, version and agent are these. A null kind, key or version is that of
 * runs that name none; a null agent is any.
 */
export interface Probe {
  readonly projectId: Ids.ProjectId
  readonly implementationKind: string | null
  readonly workerKey: string | null
  readonly version: string | null
  readonly agentId: Ids.AgentId | null
  readonly wanted: number
}

/** A claim that may be a repeat: it names the runs that the same worker holds by the same id. */
export interface NamedClaim {
  readonly workerId: Ids.WorkerId
  readonly claimId: Ids.ClaimId
}

/** What the claims of a commit look for. */
export interface Search {
  readonly probes: ReadonlyArray<Probe>
  readonly claims: ReadonlyArray<NamedClaim>
}

/**
 * What a search finds.
 *
 * `runnable`: for each probe the runs that match it, by preference, without those that another transaction is writing; they
 * are locked. `claimedBefore`: for each claim the running runs that name it; they are not locked.
 * `due`: runs that time may change by now, a bounded number; they are not locked. `scopedLimits`: which limits there are that no submission names.
 * `pinned`: whether a run of some project is pinned and pending.
 */
export interface Found {
  readonly runnable: ReadonlyArray<ReadonlyArray<StoredRun>>
  readonly claimedBefore: ReadonlyArray<ReadonlyArray<RunRef>>
  readonly due: ReadonlyArray<RunKey>
  readonly scopedLimits: ScopedLimits
  readonly pinned: boolean
}

/** Runs of one lane go one after the other. */
export interface Lane {
  readonly projectId: Ids.ProjectId
  readonly lane: string
}

/** The runs of a project and an agent that take later submissions of a key. */
export interface Debounced {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
  readonly key: string
}

/** A place in a log: what outsiders have appended after it is compared with what they send again. */
export interface TailRef {
  readonly key: RunKey
  readonly afterEventId: number
  readonly afterSequence: number
  readonly limit: number
}

/** A conversation that a submission names; `messages` when the submission needs its messages too. */
export interface ConversationRef {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly messages: boolean
}

export interface ConversationMessages {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  /** Empty where they are not wanted. */
  readonly messages: RequestSnapshot["messages"] | "too_large"
}

/** The most bytes of the messages of a conversation that a submission takes. */
export const maxConversationBytes = 10 * 1024 * 1024

/** The most bytes of the requests that one commit returns to claims. */
export const maxClaimBytes = 16 * 1024 * 1024

/** What names a claim of a run. */
export type ClaimedRunRef = Pick<ClaimedRun, "leaseEpoch" | "runId">

/** Names a message of a conversation by its idempotency key. */
export interface KeyedMessage {
  readonly projectId: Ids.ProjectId
  readonly conversationId: Ids.ConversationId
  readonly key: string
}

/** The details of a run, with the request that its next attempt gets. */
export interface ClaimDetails {
  readonly details: RunDetails
  readonly snapshot: RequestSnapshot
}

/** Which request of a run is read. */
export type RequestChoice = "claimed" | "claimed with session" | "first"

/** The details of a run, with its submission as text. */
export interface SubmittedDetails {
  readonly details: RunDetails
  readonly submission: string
}

/** Runs as they are stored. */
type Stored<X> = Effect.Effect<ReadonlyArray<StoredRun>, X>

/**
 * The rows of one transaction. Each operation takes many rows at once. Its results do not change until the transaction
 * ends, unless it says otherwise.
 */
export interface RunRows<X> {
  readonly records: <R extends Identified>(table: RecordTable<R>) => RecordRows<R, X>

  readonly limits: LimitRows<X>
  readonly flows: FlowRows<X>

  /** How the runs of a filter are found. They are not locked. */
  readonly filters: Pick<SummaryRows<X>, "bounds" | "candidates" | "keys">

  /** The instant of the transaction. */
  readonly now: Effect.Effect<number, X>

  /**
   * Runs effects in their order, in one exchange where the store can. With `commit` they are the last ones of the transaction, which commits
   * in the same exchange; if one of them has failed, nothing is committed.
   */
  readonly together: (
    effects: ReadonlyArray<Effect.Effect<void, X>>,
    end?: "commit",
  ) => Effect.Effect<void, X>

  /** Those of these runs that exist. */
  readonly find: (refs: ReadonlyArray<RunRef>) => Stored<X>

  /** The same for names of runs and of inputs that runs have accepted, each run with the name that found it. */
  readonly findNamed: (
    refs: ReadonlyArray<RunRef>,
  ) => Effect.Effect<ReadonlyArray<{ readonly name: RunRef; readonly run: StoredRun }>, X>

  /** Those of these runs that exist, by key. The `free` ones are those that no other transaction is writing. */
  readonly findKeys: (keys: ReadonlyArray<RunKey>, which: "all" | "free") => Stored<X>

  /** Children that these runs have spawned and that have not ended, at most `limit`. */
  readonly openChildren: (parents: ReadonlyArray<RunRef>, limit: number) => Stored<X>

  /** A search without probes and claims finds what is due. */
  readonly search: (search: Search) => Effect.Effect<Found, X>

  /**
   * Those of these lanes that have an unfinished run, or one that is the child of some run and behind another. A run that another
   * transaction adds to one of the lanes waits.
   */
  readonly lanesWith: (
    which: "unfinished" | "child behind",
    lanes: ReadonlyArray<Lane>,
  ) => Effect.Effect<ReadonlyArray<Lane>, X>

  /** The unfinished runs of these lanes, or those that wait, from the oldest on, locked. Otherwise as `lanesWith`. */
  readonly laneRuns: (lanes: ReadonlyArray<Lane>, which: "unfinished" | "waiting") => Stored<X>

  /** The runs that take later submissions of these keys, by `DebounceRules.openKey`, from the oldest on, locked. Otherwise as `lanesWith`. */
  readonly debounced: (names: ReadonlyArray<Debounced>) => Effect.Effect<ReadonlyArray<StoredRun>, X>

  /**
   * Lets the first unfinished run of each of these lanes go, whose first run has ended: `RunTransitions.advance`, which takes `admits` too.
   * Returns those that were behind, as they are now.
   */
  readonly advanceLanes: (lanes: ReadonlyArray<Lane>, admits: boolean) => Stored<X>

  /** The details of runs that `find` and its like have returned. */
  readonly details: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, RunDetails>, X>

  /**
   * The details of runs with the request that the next attempt gets, or with the first one, that they were submitted with. `claimed` is
   * without sessions, for runs that have none yet. Runs beyond `maxClaimBytes` are left out, and the first is not; of first requests those with
   * the lowest keys stay.
   */
  readonly claimDetails: (
    runs: ReadonlyArray<StoredRun>,
    request: RequestChoice,
  ) => Effect.Effect<ReadonlyMap<RunKey, ClaimDetails>, X>

  readonly submitted: (
    runs: ReadonlyArray<StoredRun>,
  ) => Effect.Effect<ReadonlyMap<RunKey, SubmittedDetails>, X>
  readonly resumeRecords: (keys: ReadonlyArray<RunKey>) => Effect.Effect<ReadonlyMap<RunKey, ResumeRecord>, X>

  /** The inputs that have one of these public ids, and those that these runs have accepted. */
  readonly inputs: (
    publicIds: ReadonlyArray<RunRef>,
    keys: ReadonlyArray<RunKey>,
  ) => Effect.Effect<ReadonlyArray<{ readonly projectId: Ids.ProjectId; readonly input: AcceptedInput }>, X>

  /** The entries of a log after a place that outsiders have appended, oldest first, at most `limit`. */
  readonly tail: (ref: TailRef) => Effect.Effect<ReadonlyArray<LogEntry>, X>

  /** Those of these conversations that exist, as requests: with their messages, where they are wanted. */
  readonly conversations: (
    refs: ReadonlyArray<ConversationRef>,
  ) => Effect.Effect<ReadonlyArray<ConversationMessages>, X>

  /** Those of these messages that exist, by their names. */
  readonly messagesOf: (
    names: ReadonlyArray<KeyedMessage>,
  ) => Effect.Effect<ReadonlyArray<{ readonly name: KeyedMessage; readonly id: string }>, X>

  /**
   * Adds runs in their states, and returns their keys in the same order. Most are pending; one that its submitter drives, or that
   * a waiting claim gets, is running already. Their first entries come by `write`.
   */
  readonly insert: (runs: ReadonlyArray<NewRun>) => Effect.Effect<ReadonlyArray<RunKey>, X>

  /**
   * Stores what has changed. Each run is in one change at most. Entries are created at the transaction's instant. `counted` is
   * what these changes, and the runs that were added since the last write, add to the counters.
   *
   * A commit may begin with a lease that it has not read. So where `before` has a lease, the stored run must have the same
   * epoch, latest event, expiry, number of renewals and budget, also when the change changes nothing; otherwise the transaction is
   * undone and runs again. A store that only this process writes need not compare.
   */
  readonly write: (
    changes: ReadonlyArray<Change>,
    counted: ReadonlyArray<CounterDelta>,
  ) => Effect.Effect<void, X>
}
