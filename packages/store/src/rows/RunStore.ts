/**
 * What a store implements for runs: the rows of a transaction, and reads outside of one.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch.
 *
 * Source: docs/decisions/0039-a-store-implements-rows.md, docs/writing-a-store.md
 */
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import type { AcceptedInput } from "@runlease/core/FollowUp"
import type * as Ids from "@runlease/core/Ids"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import type { EventId, Run } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import type { Effect } from "effect"
import type { CounterSum, Step } from "./CounterRows.js"
import type { LimitReads } from "./LimitRows.js"
import type { RunKey, RunRef, RunRows, NamedWorker } from "./RunRows.js"
import type { Identified, RecordReads, RecordTable } from "./Records.js"
import type { SummaryRows } from "./SummaryRows.js"

/** Successive entries of a log, and their size in bytes of JSON. */
export interface LogPiece {
  readonly entries: ReadonlyArray<LogEntry>
  readonly bytes: number
}

/**
 * Some entries of a log. `latest` is the run's last event and `ended` whether it has ended, both as they were before
 * the entries were read.
 */
export interface LogPage extends LogPiece {
  readonly latest: EventId
  readonly ended: boolean
}

/** Runs of a page. `more`: others are left out, since a page is bounded by items and by bytes. */
export interface ListedRuns {
  readonly rows: ReadonlyArray<{ readonly key: RunKey; readonly run: Run }>
  readonly more: boolean
}

/** The bounds of a page of a log: the most entries and the most bytes, but it has one entry at least; of records only. */
export interface LogBounds {
  readonly only?: "records" | undefined
  readonly entries: number
  readonly bytes: number
}

/** Which counters are read: of periods from the one that begins at `first` on, where periods are wanted. */
export interface CounterQuery {
  readonly agentId?: Ids.AgentId | undefined
  readonly periods?: { readonly step: Step; readonly first: number } | undefined
}

/** The instants at which something is due next. `bulk`: a bulk operation has runs left. `named`: some limit with a name has agents. `endpoints`: a project has endpoints of webhooks. `rollouts`: one has rollouts. */
export interface NextDue {
  readonly runs: number | null
  readonly schedules: number | null
  readonly bulk: boolean
  readonly named: boolean
  readonly endpoints: boolean
  readonly rollouts: boolean
  readonly deliveries: number | null
}

/** Reads outside of a transaction. Each sees what was committed before it. */
export interface RunReads<X> {
  /** The store's time. */
  readonly now: Effect.Effect<number, X>

  /** Those of these workers that exist. Their projects, kinds and keys never change. */
  readonly workers: (
    workerIds: ReadonlyArray<Ids.WorkerId>,
  ) => Effect.Effect<ReadonlyMap<Ids.WorkerId, NamedWorker>, X>

  readonly run: (ref: RunRef) => Effect.Effect<Run | undefined, X>
  /** The request that the next claim of a run returns, with the messages that are its own. */
  readonly snapshot: (ref: RunRef) => Effect.Effect<RequestSnapshot | undefined, X>

  /**
   * The requests that runs were submitted with, by their ids: those of these runs that are in the conversation of `ref`, each with the
   * messages that are its own.
   */
  readonly requests: (
    ref: RunRef,
    runIds: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, RequestSnapshot>, X>

  /** The runs of these keys in their order, as many of the first as a page has. One that is gone is left out. */
  readonly listed: (keys: ReadonlyArray<RunKey>) => Effect.Effect<ListedRuns, X>

  /** What a run has accepted, oldest first. */
  readonly inputs: (ref: RunRef) => Effect.Effect<ReadonlyArray<Pick<AcceptedInput, "publicId" | "since">>, X>

  /** The run that has accepted the input of that name. */
  readonly runIdOf: (name: RunRef) => Effect.Effect<Ids.RunId | undefined, X>

  /** The oldest entries of a log after an event. */
  readonly log: (ref: RunRef, after: EventId, bounds: LogBounds) => Effect.Effect<LogPage | undefined, X>

  /**
   * The counters of a project as they are at one moment: those since ever, and those of each period of `periods`, of one agent or of
   * all. Several sums of one key mean their sum.
   */
  readonly counters: (
    projectId: Ids.ProjectId,
    query: CounterQuery,
  ) => Effect.Effect<ReadonlyArray<CounterSum>, X>

  /** What lists show of runs. */
  readonly summaries: SummaryRows<X>

  readonly records: <R extends Identified>(table: RecordTable<R>) => RecordReads<R, X>

  readonly limits: LimitReads<X>

  /**
   * When time changes the next run or the next limit, and by the civil clock when the next schedule ticks; null for never. Whether a bulk
   * operation has runs left.
   */
  readonly nextDue: Effect.Effect<NextDue, X>
}

export interface RunStore<X> {
  readonly rows: RunRows<X>

  /**
   * Runs an effect over `rows` as one transaction, and again when a concurrent one wins; if it fails, nothing has changed. One transaction
   * runs at a time for each commit in flight.
   */
  readonly transact: <A>(effect: Effect.Effect<A, X>) => Effect.Effect<A, X>

  readonly reads: RunReads<X>

  /** The civil time, within a transaction and outside of one. Schedules alone follow it. */
  readonly civilNow: Effect.Effect<number, X>

  /** Runs before a commit takes its requests, so that callers that are about to send one share it. */
  readonly gather: Effect.Effect<void>
  /** Whether one request may have caused the failure of a transaction, so that the others succeed without it: always, when absent. */
  readonly isolates?: ((failure: X) => boolean) | undefined

  /** The error that callers get for a failure of the store. */
  readonly unavailable: (operation: string, failure: X) => ControlPlaneUnavailable
}
