/**
 * The rows of limits in one transaction, whatever the tables of a store are.
 *
 * `X` is the failure of the store. Instants are milliseconds since the epoch.
 *
 * Source: docs/decisions/0102-limits.md, docs/writing-a-store.md
 */
import type * as Ids from "@runlease/core/Ids"
import type { LimitBounds, Rate } from "@runlease/core/Limits"
import type { Effect } from "effect"
import type { LimitCounts, LimitRef, LimitUsage } from "../rules/LimitRules.js"
import type { RunKey, StoredRun } from "./StoredRun.js"

/** What is set of a limit. What is absent stays; a limit that is new has no bounds and is not paused. Null is no bound. */
export interface LimitSetting extends LimitRef {
  readonly maxRunning?: number | null | undefined
  readonly rate?: Rate | null | undefined
  readonly maxPending?: number | null | undefined
  readonly paused?: boolean | undefined
}

/** Names a limit with a name. */
export interface NamedRef {
  readonly projectId: Ids.ProjectId
  readonly name: string
}

/**
 * The bounds of each key of a limit with a name. Without any bound there is no such limit. `agentIds`: whose submissions are under it.
 * `keyFrom`: where the keys of their runs are; null for one key for all.
 */
export interface NamedSetting extends NamedRef, LimitBounds {
  readonly agentIds: ReadonlyArray<Ids.AgentId>
  readonly keyFrom: string | null
}

export interface AgentRef {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
}

/** What a commit adds to the counts of a limit, when the limit is looked at again, and the state of its rate. What is absent stays. */
export interface LimitChange extends LimitRef, LimitCounts {
  readonly checkAt?: number | null | undefined
  readonly tat?: number | undefined
}

/** Which of the runs with a place come first, and how many at most. `fresh`: those alone that no worker has had yet. */
export interface MostPlaced {
  readonly first: "longest" | "last"
  readonly most: number
  readonly fresh: boolean
}

export interface LimitRows<X> {
  /** Sets limits, and adds those that are new. Each limit is in one setting at most. */
  readonly set: (settings: ReadonlyArray<LimitSetting>) => Effect.Effect<void, X>

  /** Those of these limits that exist, locked until the end of the transaction. */
  readonly lock: (limits: ReadonlyArray<LimitRef>) => Effect.Effect<ReadonlyArray<LimitUsage>, X>

  /**
   * Sets limits with names, and the bounds of each key of theirs; looks at these keys again. A setting without any bound removes the limit. A
   * key under a rate has no later `tat` than `RateRules.latest`.
   */
  readonly define: (settings: ReadonlyArray<NamedSetting>) => Effect.Effect<void, X>

  /** Those of these limits with names that exist, locked: a bound that is read does not change until the transaction ends. */
  readonly defined: (names: ReadonlyArray<NamedRef>) => Effect.Effect<ReadonlyArray<NamedSetting>, X>

  /** The limits with names that these agents are in. With `changes`, no other transaction changes those of their projects until this one ends. */
  readonly ofAgents: (
    agents: ReadonlyArray<AgentRef>,
    options: { readonly changes: boolean },
  ) => Effect.Effect<ReadonlyArray<NamedRef & AgentRef>, X>

  /** Adds to the counts of limits, each of which exists, and returns them as they are then, locked. Each limit is in one change at most. */
  readonly change: (changes: ReadonlyArray<LimitChange>) => Effect.Effect<ReadonlyArray<LimitUsage>, X>

  /**
   * The runs behind a limit that are next, by preference, at most `most`, of which at most `fresh` are those that no worker has had yet, and
   * locked. Where an open run has lost its place, no run of its route is among them.
   */
  readonly next: (
    usage: LimitUsage,
    bounds: { readonly most: number; readonly fresh: number },
  ) => Effect.Effect<ReadonlyArray<StoredRun>, X>

  /**
   * The runs that have a place at a limit and no lease: those that had it longest first, or the last by preference. Those that another
   * transaction is writing are left out.
   */
  readonly placed: (limit: LimitRef, bounds: MostPlaced) => Effect.Effect<ReadonlyArray<StoredRun>, X>

  /** The lowest priority of the runs that have a place at a limit and no lease; null where there is none. It locks nothing. */
  readonly lowestOpen: (limit: LimitRef) => Effect.Effect<number | null, X>

  /** The runs of an agent that are pending, have a lease or wait, the oldest first, with a key above `after`, at most `most`, and locked. */
  readonly ofAgent: (
    agent: { readonly projectId: Ids.ProjectId; readonly agentId: Ids.AgentId; readonly after: RunKey },
    most: number,
  ) => Effect.Effect<ReadonlyArray<StoredRun>, X>

  /** The limits to look at by now, a bounded number. */
  readonly due: Effect.Effect<ReadonlyArray<LimitRef>, X>
}

/** Reads of limits outside of a transaction. */
export interface LimitReads<X> {
  /** The limits of a project that are paused, have runs, or are of an agent or the project, the newest first, with a key below `before`, at most `limit`. */
  readonly list: (
    projectId: Ids.ProjectId,
    page: { readonly before: number; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<LimitUsage>, X>

  readonly named: (limit: NamedRef) => Effect.Effect<NamedSetting | undefined, X>

  readonly find: (limit: LimitRef) => Effect.Effect<LimitUsage | undefined, X>
}
