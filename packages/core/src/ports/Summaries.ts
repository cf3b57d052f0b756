/**
 * The port of what people look at: runs and workers as rows of a list, each with all that the row shows.
 *
 * No operation counts runs or reads a log: each reads what is stored with a run, or uses an index.
 *
 * Source: docs/decisions/0070-summaries.md
 */
import { Context, type DateTime, type Duration, type Effect } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type * as Ids from "../model/Ids.js"
import type { Labels } from "../model/Labels.js"
import type { MetadataFilter } from "../model/MetadataFilter.js"
import type { OneOrMore } from "../model/OneOrMore.js"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type { LimitSubject, LimitUse } from "./Limits.js"
import type { LeaseEpoch, RunError, RunNotFound, RunStatus, Waiting } from "../model/Run.js"
import type { RegisteredWorker } from "./WorkerRegistry.js"

/**
 * How a claim ended. `lease_expired`: its lease lapsed. `released`: its worker handed it back. `retry`: its attempt failed and another
 * follows. `suspended`: the run waits for answers. `waiting`: the run waits for something else. `completed`, `failed`, `cancelled`: the
 * run ended with it.
 */
export type ClaimEnd =
  | "lease_expired"
  | "released"
  | "retry"
  | "suspended"
  | "waiting"
  | "completed"
  | "failed"
  | "cancelled"

/**
 * A claim of a run: its worker, and how its lease was renewed.
 *
 * `workerName` is the display name of the worker, or its key. `renewedAt` is the last renewal, or the claim. `longestGap` is the longest
 * time between two renewals, in milliseconds. `expiresAt` is when the lease ends, or would have ended if it had not been released before;
 * null for a claim that ended under a version without it. `endedAt` is when the store has found its end, which for a lapsed lease
 * is after `expiresAt`. `endedAt` and `ended` are null while the claim has the run.
 */
export interface ClaimRecord {
  readonly epoch: LeaseEpoch
  readonly attempt: number
  readonly workerId: Ids.WorkerId
  readonly workerName: string
  readonly claimedAt: DateTime.Utc
  readonly renewals: number
  readonly renewedAt: DateTime.Utc
  readonly longestGap: number
  readonly expiresAt: DateTime.Utc | null
  readonly endedAt: DateTime.Utc | null
  readonly ended: ClaimEnd | null
}

/**
 * A run as a list shows it.
 *
 * `title`: its name, see `RequestSnapshot.titleOf`; null where it has none. `tokens` and `cost`: what it has
 * reported, in all of its attempts, `cost` in millionths. `claims`: all of them, the oldest first; of more than 50 the newest.
 * `children`: how many runs it has spawned.
 */
export interface RunSummary {
  readonly runId: Ids.RunId
  readonly title: string | null
  readonly status: RunStatus
  readonly agentId: Ids.AgentId
  readonly conversationId: Ids.ConversationId
  readonly parentRunId: Ids.RunId | null
  readonly rootRunId: Ids.RunId
  readonly priority: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly waiting: Waiting | null
  readonly error: RunError | null
  readonly labels: Labels
  readonly tokens: number
  readonly cost: number
  readonly children: number
  readonly claims: ReadonlyArray<ClaimRecord>
  readonly latestEventId: number
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
  readonly availableAt: DateTime.Utc
  readonly startedAt: DateTime.Utc | null
  readonly finishedAt: DateTime.Utc | null
}

/**
 * Which runs a list has; all of them where nothing is named.
 *
 * `text` is in the title, in any case of its letters, or is the start or the end of the id. `from` and `to` bound when a run was submitted, `to` is
 * not in it; of runs that several servers take at once, those of the last moments before a bound may count to the other side of it.
 * `attempt` is the least attempt. `errorCode` is the code of the error with which a run has ended. `roots`: no run that another one has
 * spawned. A run has all of `labels`. `metadata` is about the outcome of a run, so only runs that have ended match. Metadata of more than
 * 16 KiB of JSON matches nothing. Several values of one condition mean a run with one of them, 20 at most.
 */
export interface SummaryFilter {
  readonly status?: OneOrMore<RunStatus> | undefined
  readonly agentId?: OneOrMore<Ids.AgentId> | undefined
  readonly conversationId?: Ids.ConversationId | undefined
  readonly parentRunId?: Ids.RunId | undefined
  readonly text?: string | undefined
  readonly from?: DateTime.Utc | undefined
  readonly to?: DateTime.Utc | undefined
  readonly attempt?: number | undefined
  readonly errorCode?: OneOrMore<string> | undefined
  readonly metadata?: MetadataFilter | undefined
  readonly roots?: boolean | undefined
  readonly labels?: Labels | undefined
}

/** The order of a list: by the time of submission, the newest first unless `oldestFirst` is set. A cursor is for one order. */
export interface ListOrder {
  readonly oldestFirst?: boolean | undefined
}

/**
 * A page of a list. An index finds the runs of one parent, conversation or label, and those of some statuses or agents. Among those of the first of these that the filter
 * names, or among all runs, the page looks for what else it names: `searched` is how many runs were looked at. A page that has looked at
 * `maxSearched` is short, and its `next` continues. Null where the index found all of them.
 */
export interface SummaryPage extends Page<RunSummary> {
  readonly searched: number | null
}

/**
 * How many runs of a filter are in each status. `searched` is how many runs were looked at, the newest first, `maxSearched` at most. `whole`:
 * there are no others.
 */
export interface StatusCounts {
  readonly counts: Readonly<Record<RunStatus, number>>
  readonly searched: number
  readonly whole: boolean
}

/** How many runs a page looks at, at most. */
export const maxSearched = 5000

/**
 * A worker as a list shows it.
 *
 * `inFlight` is in `worker`. `nextExpiry` is the earliest end of its leases, `renewedAt` the latest renewal of one; null for a worker
 * that holds none. `lost` is how many of its leases have lapsed in the last 24 hours, of the latest 10,000 of the project.
 */
export interface WorkerSummary {
  readonly worker: RegisteredWorker
  readonly nextExpiry: DateTime.Utc | null
  readonly renewedAt: DateTime.Utc | null
  readonly lost: number
}

/**
 * A lease that lapsed. `next` is the claim that followed; null while there is none. `exhausted`: the run has failed, since that was its
 * last attempt.
 */
export interface LostLease {
  readonly runId: Ids.RunId
  readonly title: string | null
  readonly agentId: Ids.AgentId
  readonly maxAttempts: number
  readonly claim: ClaimRecord
  readonly next: ClaimRecord | null
  readonly exhausted: boolean
}

/**
 * What needs somebody. `waits`: runs that wait for answers, those first that fail first without one, then those that never do; `limit` of
 * them at most. `oldestPending`: the run that a worker may claim and that was submitted first; null where it is none of the 10,000 oldest
 * pending runs of the store, since that many are delayed or behind others. `versions`: those that have pending runs and no worker in contact that claims.
 */
export interface Attention {
  readonly waits: ReadonlyArray<RunSummary>
  readonly oldestPending: RunSummary | null
  readonly versions: ReadonlyArray<VersionSummary>
}

/**
 * A limit for whose place a run waits. `before`: how many runs get a place before it, 10,000 at most. The limit of a project has no
 * places: `waiting` is 0, and `before` is `queuedBefore`.
 */
export interface LimitStanding extends LimitSubject, Omit<LimitUse, "open"> {
  readonly before: number
}

/**
 * The position of a run among others, at the instant `now` of the store.
 *
 * `gate`: what a pending run waits for before a worker may claim it: nothing, its time, the runs before it in its lane, or a place at its
 * limit; null for a run that is not pending. `ahead`: the first unfinished run of its lane, where that is another one. `runsAhead`: how many unfinished runs of its
 * lane are before it, 1,000 at most. `queuedBefore`: how many runs with the same kind and key of worker are claimed before it, 10,000 at most;
 * null where it may not be claimed yet. `reason`: the reason that its last worker gave when it released the run, until the next claim; null for nothing.
 * `limit`: the limit for whose place it waits, or that of its project, where that lets no runnable run start.
 */
export interface Standing {
  readonly now: DateTime.Utc
  readonly gate: "runnable" | "delayed" | "behind" | "limited" | null
  readonly ahead: RunSummary | null
  readonly runsAhead: number
  readonly queuedBefore: number | null
  readonly reason: string | null
  readonly limit: LimitStanding | null
}

/**
 * A version of workers, empty for none. `workers`: those in contact, and `leases`: the runs that they hold. The others are runs of the version
 * that wait for one of its workers, and those that wait for something else; `oldest`: when the first of all of its open runs was submitted.
 */
export interface VersionSummary {
  readonly version: string
  readonly workers: number
  readonly leases: number
  readonly pending: number
  readonly waiting: number
  readonly oldest: DateTime.Utc | null
}

export class Summaries extends Context.Tag("@runlease/core/Summaries")<
  Summaries,
  {
    /** A run by its id, or by that of an input that it has accepted since. */
    readonly run: (runId: Ids.RunId) => Effect.Effect<RunSummary, RunNotFound | ControlPlaneError>

    /** The position of a run, by its id or by that of an input that it has accepted since. */
    readonly standing: (runId: Ids.RunId) => Effect.Effect<Standing, RunNotFound | ControlPlaneError>

    /** Newest first, unless the request says otherwise. */
    readonly runs: (
      request?: SummaryFilter & ListOrder & PageRequest,
    ) => Effect.Effect<SummaryPage, InvalidCursor | ControlPlaneError>

    /** Counts the runs of a filter by their status; a `status` of the filter is left out of account. */
    readonly counts: (filter?: SummaryFilter) => Effect.Effect<StatusCounts, ControlPlaneError>

    /** The runs that a worker holds, 1,000 at most, those first whose lease ends first. */
    readonly held: (workerId: Ids.WorkerId) => Effect.Effect<ReadonlyArray<RunSummary>, ControlPlaneError>

    /** The workers, newest heartbeat first. */
    readonly workers: (
      page?: PageRequest,
    ) => Effect.Effect<Page<WorkerSummary>, InvalidCursor | ControlPlaneError>

    /** The versions of workers in contact and of open runs, in the order of their names. */
    readonly versions: Effect.Effect<ReadonlyArray<VersionSummary>, ControlPlaneError>

    /** The leases that lapsed within so long, 100 at most, the latest first. */
    readonly lost: (
      within: Duration.DurationInput,
    ) => Effect.Effect<ReadonlyArray<LostLease>, ControlPlaneError>

    /** `limit`: 1 to 100 waits, 20 when absent. */
    readonly attention: (request?: {
      readonly limit?: number | undefined
    }) => Effect.Effect<Attention, ControlPlaneError>
  }
>() {}
