/**
 * The runs that one commit works on: read together, changed in memory, written together.
 *
 * All operations of a commit share one batch. The store may hold an older state of a run than the batch, so operations find
 * runs in the batch.
 *
 * Source: docs/decisions/0010-one-batch-per-commit.md
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { RunDetails, RunState } from "../rules/RunState.js"
import type { NewEntry, Transition } from "../rules/Transition.js"
import * as Transitions from "../rules/Transitions.js"
import { growthOf } from "./LogGrowth.js"
import type {
  ClaimDetails,
  DetailChanges,
  Found,
  Lane,
  NewRun,
  RunKey,
  RunRef,
  RunRows,
  Search,
  StoredRun,
} from "./RunRows.js"
import { logKey, type Route, type Wakeups } from "./Wakeups.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RunBatch<X> {
  /** The instant of the commit. */
  readonly now: number
  readonly rows: RunRows<X>
  /** What the search of the commit has found for its claims; undefined when it has none. */
  readonly found: Found | undefined
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
  /** Adds new runs, each with the transition that made it. */
  readonly insert: (
    runs: ReadonlyArray<{ readonly run: NewRun; readonly submitted: Transition }>,
  ) => Effect.Effect<void, X>
  /** Writes what has changed so far, for a query that must see it. */
  readonly flush: Effect.Effect<void, X>
  /** The details of these runs, which are read with the last writes of the commit: the map is empty until then. */
  readonly lateDetails: (runs: ReadonlyArray<StoredRun>) => ReadonlyMap<RunKey, RunDetails>
  readonly lateClaimDetails: (
    runs: ReadonlyArray<StoredRun>,
    sessions: boolean,
  ) => ReadonlyMap<RunKey, ClaimDetails>
  /** Writes what has changed, reads the late details, and ends the transaction. */
  readonly finish: Effect.Effect<void, X>
  /** Everything that is to run once the commit has succeeded, wake-ups included. */
  readonly after: Effect.Effect<void>
}

/** A run of the batch: as the store has it, as it is now, and what is to be written of it. */
interface Entry {
  readonly log: string
  stored: RunState
  run: StoredRun
  entries: Array<NewEntry>
  details: DetailChanges
}

const noDetails: DetailChanges = {}

const mergeDetails = (before: DetailChanges, after: DetailChanges): DetailChanges =>
  before === noDetails
    ? after
    : {
        ...before,
        ...after,
        inputs: [...(before.inputs ?? []), ...(after.inputs ?? [])],
        claims: [...(before.claims ?? []), ...(after.claims ?? [])],
      }

/**
 * Begins the batch of a commit: reads the runs that it names, and searches for those that its claims may take.
 *
 * @since 0.1.0
 * @category constructors
 */
export const begin = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  refs: ReadonlyArray<RunRef>,
  search: Search | undefined,
): Effect.Effect<RunBatch<X>, X> =>
  Effect.suspend(() => {
    let runs: ReadonlyArray<StoredRun> = []
    let found: Found | undefined
    const reads: Array<Effect.Effect<void, X>> = []
    if (refs.length > 0) {
      reads.push(
        Effect.map(rows.find(refs), (read) => {
          runs = read
        }),
      )
    }
    if (search !== undefined) {
      reads.push(
        Effect.map(rows.search(search), (read) => {
          found = read
        }),
      )
    }
    // The first statements do not wait for the instant, which the beginning of the transaction gives.
    return Effect.map(
      reads.length === 0 ? rows.now : Effect.zipRight(rows.together(reads), rows.now),
      (now) => make(rows, wakeups, { now, runs, found }),
    )
  })

const make = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  {
    found,
    now,
    runs,
  }: {
    readonly now: number
    readonly runs: ReadonlyArray<StoredRun>
    readonly found: Found | undefined
  },
): RunBatch<X> => {
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  let lanes: Array<Lane> = []
  let runnable: Array<Route> = []
  const lateReads: Array<Effect.Effect<void, X>> = []
  const after: Array<Effect.Effect<void>> = []

  const enter = (run: StoredRun): Entry => {
    const log = logKey(run.state.spec)
    const entry: Entry = { log, stored: run.state, run, entries: [], details: noDetails }
    entries.set(log, entry)
    return entry
  }

  const entryOf = ({ state }: StoredRun): Entry => entries.get(logKey(state.spec))!

  const find = (ref: RunRef): StoredRun | undefined => entries.get(logKey(ref))?.run

  const add = (run: StoredRun): StoredRun => find(run.state.spec) ?? enter(run).run
  for (const run of runs) add(run)

  const describe = (run: StoredRun, details: DetailChanges): void => {
    const entry = entryOf(run)
    entry.details = mergeDetails(entry.details, details)
    changed.add(entry)
  }

  const follow = (entry: Entry, { consequences, entries: added, state }: Transition): StoredRun => {
    const { spec } = state
    entry.run = { key: entry.run.key, state }
    entry.entries.push(...added)
    changed.add(entry)
    for (const consequence of consequences) {
      switch (consequence._tag) {
        case "Runnable":
          runnable.push(spec)
          break
        case "LaneFreed":
          lanes.push({ projectId: spec.projectId, lane: consequence.lane })
          break
        case "HolderCancelled":
          after.push(wakeups.signal(consequence.workerId, { _tag: "Cancelled", runId: spec.runId }))
          break
        case "ClaimEnded":
          entry.details = mergeDetails(entry.details, { claims: [consequence.claim] })
          break
      }
    }
    return entry.run
  }

  const writeChanged = Effect.suspend(() => {
    if (changed.size === 0) return Effect.void
    const written = Array.from(changed)
    changed.clear()
    const changes = written.map(({ details, entries: added, run, stored }) => ({
      key: run.key,
      before: stored,
      after: run.state,
      entries: added,
      details,
    }))
    const grown = written.flatMap((entry) =>
      entry.entries.length === 0 ? [] : [growthOf(entry.log, entry.entries, now)],
    )
    if (grown.length > 0) after.push(wakeups.logsGrew(grown))
    for (const entry of written) {
      entry.stored = entry.run.state
      entry.entries = []
      entry.details = noDetails
    }
    return rows.write(changes)
  })

  /** Lets the first run of each freed lane go. A run that goes on frees no lane. */
  const advance = Effect.suspend(() => {
    if (lanes.length === 0) return Effect.void
    const freed = lanes
    lanes = []
    return Effect.flatMap(rows.laneHeads(freed), (heads) => {
      for (const head of heads) {
        const run = add(head)
        const advanced = Transitions.advance(run.state, now)
        if (advanced !== undefined) follow(entryOf(run), advanced)
      }
      return writeChanged
    })
  })

  const wakeClaims = Effect.sync(() => {
    if (runnable.length > 0) after.push(wakeups.runnable(runnable))
    runnable = []
  })

  const late = <A>(
    runs: ReadonlyArray<StoredRun>,
    read: (runs: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
  ): ReadonlyMap<RunKey, A> => {
    const details = new Map<RunKey, A>()
    if (runs.length > 0) {
      lateReads.push(
        Effect.map(read(runs), (found) => found.forEach((value, key) => details.set(key, value))),
      )
    }
    return details
  }

  return {
    now,
    rows,
    found,
    add,
    find,
    describe,
    load: (refs) => {
      const missing = refs.filter((ref) => !entries.has(logKey(ref)))
      return missing.length === 0 ? Effect.void : Effect.map(rows.find(missing), (read) => read.forEach(add))
    },
    apply: (run, transition, details) => {
      if (details !== undefined) describe(run, details)
      return follow(entryOf(run), transition)
    },
    insert: (added) =>
      Effect.map(rows.insert(added.map(({ run }) => run)), (keys) => {
        for (const [index, { run, submitted }] of added.entries()) {
          follow(enter({ key: keys[index]!, state: run.state }), submitted)
        }
      }),
    flush: Effect.suspend(() =>
      changed.size === 0 && runnable.length === 0
        ? Effect.void
        : Effect.zipRight(rows.together([writeChanged, advance]), wakeClaims),
    ),
    lateDetails: (runs) => late(runs, rows.details),
    lateClaimDetails: (runs, sessions) => late(runs, (all) => rows.claimDetails(all, sessions)),
    // A lane that is freed may have a run to let go, so its transaction ends only after that.
    finish: Effect.suspend(() =>
      Effect.zipRight(
        rows.together([writeChanged, advance, ...lateReads, ...(lanes.length === 0 ? [rows.commit] : [])]),
        wakeClaims,
      ),
    ),
    after: Effect.suspend(() => Effect.all(after, { discard: true })),
  }
}
