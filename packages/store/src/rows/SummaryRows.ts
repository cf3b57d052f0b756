/**
 * The rows of what lists show of runs, whatever the tables of a store are: runs, their claims, and who holds them.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch. A run that is being deleted is in none of them.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import type * as Ids from "@runlease/core/Ids"
import type { Label, Labels } from "@runlease/core/Labels"
import type { LeaseEpoch, RunError, RunStatus } from "@runlease/core/Run"
import type { ClaimEnd } from "@runlease/core/Summaries"
import type { Effect } from "effect"
import type { Holder, RunDetails } from "../rules/RunState.js"
import type { RunKey, RunRef, StoredRun } from "./RunRows.js"

/** A run with what a list shows besides its state. */
export interface SummaryRow extends StoredRun, Pick<RunDetails, "parentRunId" | "rootRunId" | "labels"> {
  readonly title: string | null
}

/** What a search looks at of the state of a run. */
export interface CandidateState {
  readonly status: RunStatus
  readonly attempt: number
  readonly error: Pick<RunError, "code"> | null
  /** That of its outcome, where the search needs it: null where there is none, or more than `maxMetadata`. */
  readonly metadata?: unknown
}

/** The most bytes of JSON of metadata that a search looks at. */
export const maxMetadata = 16_384

/** What a search needs of a run besides what its submission has set: its state, which is in another table, and the metadata of its outcome. */
export interface Needs {
  readonly states: boolean
  readonly metadata: boolean
}

/** What a search looks at of a run. `spawned`: it is the child of another one. The state is there where the search needs it. */
export interface Candidate {
  readonly key: RunKey
  readonly runId: Ids.RunId
  readonly agentId: Ids.AgentId
  readonly conversationId: Ids.ConversationId
  readonly spawned: boolean
  readonly title: string | null
  readonly labels: Labels
  readonly state: CandidateState | undefined
}

/** What an index finds: the runs that have this one thing, or one of these few, or all runs of the project. */
export type Start =
  | { readonly parentRunId: Ids.RunId }
  | { readonly conversationId: Ids.ConversationId }
  | { readonly label: Label }
  | { readonly statuses: ReadonlyArray<RunStatus> }
  | { readonly agentIds: ReadonlyArray<Ids.AgentId> }
  | Readonly<Record<string, never>>

/** The newest runs with a key from `least` on and below `before`, at most `limit`; the oldest of them with `oldestFirst`. */
export interface Range {
  readonly least: RunKey
  readonly before: RunKey
  readonly limit: number
  readonly oldestFirst?: boolean | undefined
}

/** The claims of a run with these epochs. */
export interface ClaimRange {
  readonly key: RunKey
  readonly first: number
  readonly last: number
}

/** A claim of a run. `expiresAt` is null where no row has it; `ended` and `endedAt` are null while the claim has the run. */
export interface ClaimRow extends Omit<Holder, "claimId" | "expiresAt"> {
  readonly key: RunKey
  readonly epoch: LeaseEpoch
  readonly attempt: number
  readonly expiresAt: number | null
  readonly endedAt: number | null
  readonly ended: ClaimEnd | null
}

/** What the leases of a worker are like that have not lapsed. */
export interface HeldLeases {
  readonly workerId: Ids.WorkerId
  readonly nextExpiry: number
  readonly renewedAt: number
}

/** How many runs go before another one. `first` is there for those of its lane. */
export interface RunsBefore {
  readonly count: number
  readonly first?: RunKey | undefined
}

/** The runs of a project that a person should look at. */
export interface Attention {
  readonly asking: ReadonlyArray<RunKey>
  readonly oldestRunnable: RunKey | undefined
}

/** Open runs of a version. */
export interface VersionRow {
  readonly version: string
  readonly pending: number
  readonly waiting: number
  readonly oldest: number
}

export interface SummaryRows<X> {
  /** Those of these runs that exist, by their keys, or the one of a name. */
  readonly find: (runs: RunRef | ReadonlyArray<RunKey>) => Effect.Effect<ReadonlyArray<SummaryRow>, X>

  /** The keys of the runs of a range, newest first unless the range says otherwise. */
  readonly keys: (
    projectId: Ids.ProjectId,
    start: Start,
    range: Range,
  ) => Effect.Effect<ReadonlyArray<RunKey>, X>

  /** The same runs, as a search looks at them, with what it needs. */
  readonly candidates: (
    projectId: Ids.ProjectId,
    start: Start,
    range: Range,
    needs: Needs,
  ) => Effect.Effect<ReadonlyArray<Candidate>, X>

  /**
   * The keys between which are the runs that were submitted from one instant on and before another. A run is on one side of an instant,
   * but those that were submitted at once may be on the other one. Where an instant is absent, there is no bound.
   */
  readonly bounds: (
    from: number | undefined,
    to: number | undefined,
  ) => Effect.Effect<{ readonly least: RunKey; readonly before: RunKey }, X>

  /** Those of these claims that ended without an outcome of their own. */
  readonly claims: (ranges: ReadonlyArray<ClaimRange>) => Effect.Effect<ReadonlyArray<ClaimRow>, X>

  /** The runs whose lease a worker has, those first whose lease ends first, at most `limit`. A lapsed lease holds none. */
  readonly heldBy: (
    projectId: Ids.ProjectId,
    workerId: Ids.WorkerId,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<RunKey>, X>

  /** The leases of each worker that has some. */
  readonly leases: (projectId: Ids.ProjectId) => Effect.Effect<ReadonlyArray<HeldLeases>, X>

  /** The claims whose lease has lapsed since an instant, the latest first, at most `limit`. */
  readonly lost: (
    projectId: Ids.ProjectId,
    since: number,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<ClaimRow>, X>

  /**
   * The runs that go before this one, counted up to `limit`: the unfinished ones of its lane that are older, where it is behind them, with the
   * oldest; else those before it by preference, of the runs behind the limit that it is behind, or of the runnable runs with its kind and key.
   */
  readonly before: (run: StoredRun, limit: number) => Effect.Effect<RunsBefore, X>

  /** How many open runs of each version are pending, and how many wait; `oldest`: when the first of them was submitted. */
  readonly versions: (projectId: Ids.ProjectId) => Effect.Effect<ReadonlyArray<VersionRow>, X>

  /**
   * `asking`: the runs that wait for answers and are in no trial, those first that fail first without one, then those that never do; at most `asking`.
   * `oldestRunnable`: the first of the pending runs that a worker may claim, where it is one of the oldest `oldest` pending runs of the store.
   */
  readonly attention: (
    projectId: Ids.ProjectId,
    most: { readonly asking: number; readonly oldest: number },
  ) => Effect.Effect<Attention, X>
}
