/**
 * The port of what a project's runs add up to: how many are in each status, and what happened by minute or hour.
 *
 * Source: docs/decisions/0053-counters-of-runs.md
 */
import { Context, type DateTime, type Effect } from "effect"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { Histogram } from "../model/Histogram.js"
import type * as Ids from "../model/Ids.js"
import type { RunStatus, TerminalStatus } from "../model/Run.js"

/** The runs of an agent by status, without those that were pruned. */
export interface AgentCounts {
  readonly agentId: Ids.AgentId
  readonly runs: Readonly<Record<RunStatus, number>>
}

/**
 * Names periods: the last minutes or hours, the current one included. Only runs of one agent, where it is named.
 *
 * Units: `last` is 1 to 1500; what is beyond is cut.
 */
export interface Periods {
  readonly step: "minute" | "hour"
  readonly last: number
  readonly agentId?: Ids.AgentId | undefined
}

export const maxPeriods = 1500

/**
 * What happened to runs in a while.
 *
 * `failures` are those that `ended.failed` counts, by the code of their error, the most frequent first. Codes are cut at 100
 * characters; the rarer ones of a period with more than 50 may count as `other`. `pickUp` is the time from when a run was
 * runnable to its claim, for each claim. `runTime` is the time from a run's first claim to its end.
 * `tokens` and `cost` are what runs have reported, `cost` in millionths.
 */
export interface Activity {
  readonly submitted: number
  readonly claimed: number
  readonly ended: Readonly<Record<TerminalStatus, number>>
  readonly failures: ReadonlyArray<{ readonly code: string | null; readonly count: number }>
  readonly pickUp: Histogram
  readonly runTime: Histogram
  readonly tokens: number
  readonly cost: number
}

/** What happened in the period that begins at `start`, and how many runs were pending and running at its end. */
export interface PeriodActivity extends Activity {
  readonly start: DateTime.Utc
  readonly pending: number
  readonly running: number
}

/** What happened to the runs of an agent. */
export interface AgentActivity extends Activity {
  readonly agentId: Ids.AgentId
}

/**
 * Every number is exact at the moment of the read: it counts each commit before it, and nothing else. The cost of a read grows
 * with periods and agents, not with runs.
 */
export class Statistics extends Context.Tag("@runlease/core/Statistics")<
  Statistics,
  {
    /** The agents that have runs, in the order of their ids, or the one that is named: each with its runs by status. */
    readonly counts: (
      request?: Pick<Periods, "agentId">,
    ) => Effect.Effect<ReadonlyArray<AgentCounts>, ControlPlaneError>

    /**
     * Each of the periods, the oldest first. A period is empty once it has been pruned with its runs, and where a database was
     * in use before it counted, it has only what its runs report.
     */
    readonly periods: (request: Periods) => Effect.Effect<ReadonlyArray<PeriodActivity>, ControlPlaneError>

    /** The same, added up for each agent, in the order of their ids. Agents without activity are absent. */
    readonly agents: (request: Periods) => Effect.Effect<ReadonlyArray<AgentActivity>, ControlPlaneError>
  }
>() {}
