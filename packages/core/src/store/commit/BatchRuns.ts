/**
 * The runs of one commit: as the store has them, as they are now, and what their transitions mean beyond them.
 *
 * Consequences are collected in lists. A part of the commit that follows them up empties its list.
 *
 * @since 0.1.0
 */
import { DateTime, Effect, Iterable } from "effect"
import type { LogEvent } from "../../model/AgentEvent.js"
import * as FairRules from "../../rules/FairRules.js"
import type { RunState } from "../../rules/RunState.js"
import { type Consequence, isRunnable, type NewEntry, type Transition } from "../../rules/Transition.js"
import * as CounterRows from "../rows/CounterRows.js"
import type { Lane, RunRows } from "../rows/RunRows.js"
import type { LogPiece } from "../rows/RunStore.js"
import {
  type Change,
  type DetailChanges,
  mergeDetails,
  noDetails,
  type RunRef,
  type StoredRun,
} from "../rows/StoredRun.js"
import type { FairRoutes } from "./FairRoutes.js"
import * as LimitUsages from "./LimitUsages.js"
import type { CommitMeasure } from "./StoreMetrics.js"
import { type LogGrowth, logKey } from "./Wakeups.js"

/** A consequence for the budget of a tree, and the run of the tree that it comes from. */
export interface BudgetChange {
  readonly from: RunRef
  readonly consequence: Extract<Consequence, { readonly _tag: "Spent" | "AwaitsBudget" | "BudgetRaised" }>
}

/** Consequences that a commit has yet to follow up, by their kinds. */
interface Consequences {
  /** Lanes whose first run has ended. */
  readonly lanes: Array<Lane>
  readonly endedChildren: Array<{ readonly parent: RunRef; readonly child: RunRef }>
  readonly endedParents: Array<RunRef>
  readonly budgets: Array<BudgetChange>
  readonly signals: Array<Extract<Consequence, { readonly _tag: "Signalled" }>>
  /** Logs that grew by what was written. */
  readonly grown: Array<LogGrowth>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface BatchRuns<X> {
  /** Reads the runs that the batch does not have yet; `find` does not find those that do not exist. */
  readonly load: (refs: ReadonlyArray<RunRef>) => Effect.Effect<void, X>
  /** Adds a run that was just read, unless the batch has it; returns it as it is in the batch. */
  readonly add: (run: StoredRun) => StoredRun
  /** A run of the batch, after its transitions so far. */
  readonly find: (ref: RunRef) => StoredRun | undefined
  /** Makes the transition of a run of the batch. Its consequences follow when the batch is written. */
  readonly apply: (run: StoredRun, transition: Transition, details?: DetailChanges) => StoredRun
  /** Changes what is stored beside a run of the batch. */
  readonly describe: (run: StoredRun, details: DetailChanges) => void
  /** Adds a run that the store has just inserted, with the transition that made it. */
  readonly inserted: (run: StoredRun, made: Transition) => void
  /** Takes a run of a freed lane as the store has let it go. */
  readonly advanced: (run: StoredRun) => void
  /** Those that became runnable in this commit, and that no operation has claimed since. */
  readonly runnable: () => Array<StoredRun>
  readonly all: () => Iterable<StoredRun>
  /** Takes the runs that may have entered a set with ranks since this was called last. */
  readonly entered: () => Array<StoredRun>
  readonly someEntering: () => boolean
  readonly consequences: Consequences
  /** The limits of the runs, with what their transitions change. */
  readonly limits: LimitUsages.LimitUsages
  /** Whether one of these details is to be written; without names, whether anything is. */
  readonly changes: (names: ReadonlyArray<keyof DetailChanges>) => boolean
  /** Lets the next write compare the runs that were remembered, also where they have not changed. */
  readonly compareRemembered: () => void
  /** Writes what has changed since the last write. */
  readonly write: Effect.Effect<void, X>
}

/** A run of the batch: as the store has it, as it is now, and what is to be written of it. */
interface Entry {
  readonly log: string
  stored: RunState
  run: StoredRun
  entries: Array<NewEntry>
  details: DetailChanges
  /** Whether the run was remembered, and the store has not compared it yet. */
  unchecked: boolean
}

/** Readers own what they get, so each event is made anew from its text. */
const pieceOf = (entries: ReadonlyArray<NewEntry>, now: number): LogPiece => {
  const createdAt = DateTime.unsafeMake(now)
  return {
    entries: entries.map(({ eventId, sequence, text }) => ({
      eventId,
      sequence,
      event: JSON.parse(text) as LogEvent,
      createdAt,
    })),
    bytes: entries.reduce((bytes, { text }) => bytes + text.length, 0),
  }
}

const changesSome = (details: DetailChanges, names: ReadonlyArray<keyof DetailChanges>): boolean =>
  names.some((name) => {
    const change = details[name]
    return Array.isArray(change) ? change.length > 0 : change !== undefined
  })

/**
 * What a batch begins with: the instant of the commit, the runs that it names and has read, and those that it remembers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Beginning {
  readonly now: number
  readonly runs: ReadonlyArray<StoredRun>
  readonly remembered: ReadonlyArray<StoredRun>
  readonly fairRoutes: FairRoutes
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  rows: RunRows<X>,
  measured: CommitMeasure,
  { fairRoutes, now, remembered, runs }: Beginning,
): BatchRuns<X> => {
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  const runnable = new Set<Entry>()
  const entering = new Set<Entry>()
  const counters = CounterRows.make(now)
  const limits = LimitUsages.make(now)
  const consequences: Consequences = {
    lanes: [],
    endedChildren: [],
    endedParents: [],
    budgets: [],
    signals: [],
    grown: [],
  }

  const enter = (run: StoredRun, unchecked = false): Entry => {
    const log = logKey(run.state.spec)
    const entry: Entry = { log, stored: run.state, run, entries: [], details: noDetails, unchecked }
    entries.set(log, entry)
    if (run.state.spec.fairness !== null) fairRoutes.add(run.state.spec)
    return entry
  }

  const entryOf = ({ state }: StoredRun): Entry => entries.get(logKey(state.spec))!

  const find = (ref: RunRef): StoredRun | undefined => entries.get(logKey(ref))?.run

  const add = (run: StoredRun): StoredRun => find(run.state.spec) ?? enter(run).run
  for (const run of remembered) enter(run, true)
  for (const run of runs) add(run)

  const addDetails = (entry: Entry, details: DetailChanges): void => {
    entry.details = mergeDetails(entry.details, details)
    changed.add(entry)
  }

  const follow = (entry: Entry, consequence: Consequence): void => {
    const { spec } = entry.run.state
    switch (consequence._tag) {
      case "Runnable":
        runnable.add(entry)
        return
      case "LaneFreed":
        consequences.lanes.push({ projectId: spec.projectId, lane: consequence.lane })
        return
      case "Signalled":
        consequences.signals.push(consequence)
        return
      case "ClaimEnded":
        addDetails(entry, { claims: [consequence.claim] })
        measured.claimEnded(consequence.claim)
        return
      case "ChildEnded":
        consequences.endedChildren.push({
          parent: { projectId: spec.projectId, runId: consequence.parent },
          child: spec,
        })
        return
      case "ParentEnded":
        consequences.endedParents.push(spec)
        return
      default:
        consequences.budgets.push({ from: spec, consequence })
    }
  }

  /** Whether a run that enters a set may get a rank: it has a key, or this process has seen one. */
  const mayBeRanked = ({ spec }: RunState): boolean => fairRoutes.some() || spec.fairness !== null

  const change = (entry: Entry, { consequences: meant, entries: added, state }: Transition): StoredRun => {
    if (state.limits !== null || entry.run.state.limits !== null) limits.changed(entry.run.state, state)
    if (mayBeRanked(state) && FairRules.enters(entry.run.state, state)) entering.add(entry)
    entry.run = { key: entry.run.key, state }
    entry.entries.push(...added)
    changed.add(entry)
    for (const consequence of meant) follow(entry, consequence)
    return entry.run
  }

  /** What is to be written of a run, which counts as stored from then on. */
  const take = (entry: Entry): Change => {
    const { details, entries: added, log, run, stored } = entry
    if (added.length > 0) {
      const latest = added.at(-1)?.eventId
      consequences.grown.push({ log, latest, piece: () => pieceOf(added, now) })
    }
    counters.changed(stored, run.state)
    entry.stored = run.state
    entry.entries = []
    entry.details = noDetails
    entry.unchecked = false
    return { key: run.key, before: stored, after: run.state, entries: added, details }
  }

  return {
    load: (refs) => {
      const missing = refs.filter((ref) => !entries.has(logKey(ref)))
      return missing.length === 0 ? Effect.void : Effect.map(rows.find(missing), (read) => read.forEach(add))
    },
    add,
    find,
    apply: (run, transition, details) => {
      const entry = entryOf(run)
      if (details !== undefined) addDetails(entry, details)
      return change(entry, transition)
    },
    describe: (run, details) => addDetails(entryOf(run), details),
    inserted: (run, made) => {
      counters.inserted(run.state)
      if (run.state.limits !== null) limits.changed(undefined, run.state)
      change(enter(run), made)
    },
    advanced: (run) => {
      const entry = entryOf(add(run))
      if (run.state.limits !== null) limits.changed({ ...run.state, gate: "behind" }, run.state)
      entry.stored = run.state
      entry.run = run
      if (isRunnable(run.state)) runnable.add(entry)
      if (mayBeRanked(run.state)) entering.add(entry)
    },
    runnable: () => Array.from(runnable, ({ run }) => run).filter(({ state }) => isRunnable(state)),
    all: () => Iterable.map(entries.values(), ({ run }) => run),
    someEntering: () => entering.size > 0,
    entered: () => {
      const entered = Array.from(entering, ({ run }) => run)
      entering.clear()
      return entered
    },
    consequences,
    limits,
    changes: (names) =>
      changed.size > 0 &&
      (names.length === 0 || Iterable.some(changed, ({ details }) => changesSome(details, names))),
    compareRemembered: () => {
      for (const entry of entries.values()) if (entry.unchecked) changed.add(entry)
    },
    write: Effect.suspend(() => {
      if (changed.size === 0) return Effect.void
      const changes = Array.from(changed, take)
      changed.clear()
      return rows.write(changes, measured.counted(counters.take()))
    }),
  }
}
