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
import { Effect, Iterable } from "effect"
import type { RunDetails, RunState } from "../../rules/RunState.js"
import { isRunnable, type NewEntry, type Transition } from "../../rules/Transition.js"
import * as CounterRows from "../rows/CounterRows.js"
import * as HandOver from "./HandOver.js"
import * as Family from "./Family.js"
import { growthOf } from "./LogGrowth.js"
import * as LateReads from "./LateReads.js"
import { changesSome, mergeDetails, noDetails } from "./MergeDetails.js"
import type { RememberedLeases } from "./RememberedLeases.js"
import {
  byPreference,
  type ClaimDetails,
  type DetailChanges,
  type Found,
  type Lane,
  type RunKey,
  type RunRef,
  type RunRows,
  type StoredRun,
} from "../rows/RunRows.js"
import * as StoreMetrics from "./StoreMetrics.js"
import { logKey, type Wakeups } from "./Wakeups.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface RunBatch<X> extends Pick<Family.Family<X>, "settle" | "inTurn"> {
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
  /** Adds new runs, each with the transition that made it, and offers them to waiting claims: `later` where the commit may end them yet. */
  readonly insert: (runs: ReadonlyArray<HandOver.AddedRun>, offer: "now" | "later") => Effect.Effect<void, X>
  /** Writes what has changed so far, families included, for a query that must see it: with names, only where one of these details has. */
  readonly flush: (...names: ReadonlyArray<keyof DetailChanges>) => Effect.Effect<void, X>
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
  /** Remembers the leases that the commit has written. Runs once it has succeeded, before another one begins. */
  readonly remember: () => void
  /** Forgets the runs of this commit, which has failed or is repeated. The waiting claims that would have got some of them look again. */
  readonly undo: () => void
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

/**
 * What a batch begins with: the instant of the commit, the runs that it names, those of them that were read and those that were
 * remembered, what the search of its claims has found, and the hand-over of runs that become runnable.
 *
 * @since 0.1.0
 * @category models
 */
export interface Beginning<X> extends Pick<RunBatch<X>, "now" | "found"> {
  readonly runs: ReadonlyArray<StoredRun>
  readonly remembered: ReadonlyArray<StoredRun>
  readonly handOver: HandOver.HandOver<X>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  leases: RememberedLeases,
  { found, handOver, now, remembered, runs }: Beginning<X>,
): RunBatch<X> => {
  const entries = new Map<string, Entry>()
  const changed = new Set<Entry>()
  const counters = CounterRows.make(now)
  let lanes: Array<Lane> = []
  /** Those that became runnable in this commit. */
  const runnable = new Set<Entry>()
  const late = LateReads.make<X>()
  const measured = StoreMetrics.ofCommit()
  const after: Array<Effect.Effect<void>> = [measured.publish]

  const enter = (run: StoredRun, unchecked = false): Entry => {
    const log = logKey(run.state.spec)
    const entry: Entry = { log, stored: run.state, run, entries: [], details: noDetails, unchecked }
    entries.set(log, entry)
    return entry
  }

  const entryOf = ({ state }: StoredRun): Entry => entries.get(logKey(state.spec))!

  const find = (ref: RunRef): StoredRun | undefined => entries.get(logKey(ref))?.run

  const add = (run: StoredRun): StoredRun => find(run.state.spec) ?? enter(run).run
  for (const run of remembered) enter(run, true)
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
          runnable.add(entry)
          break
        case "LaneFreed":
          lanes.push({ projectId: spec.projectId, lane: consequence.lane })
          break
        case "Signalled":
          after.push(wakeups.signal(consequence.workerId, consequence.signal))
          break
        case "ClaimEnded":
          entry.details = mergeDetails(entry.details, { claims: [consequence.claim] })
          measured.claimEnded(consequence.claim)
          break
        default:
          family.follow(spec, consequence)
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
      counters.changed(entry.stored, entry.run.state)
      entry.stored = entry.run.state
      entry.entries = []
      entry.details = noDetails
      entry.unchecked = false
    }
    return rows.write(changes, measured.counted(counters.take()))
  })

  const load = (refs: ReadonlyArray<RunRef>): Effect.Effect<void, X> => {
    const missing = refs.filter((ref) => !entries.has(logKey(ref)))
    return missing.length === 0 ? Effect.void : Effect.map(rows.find(missing), (read) => read.forEach(add))
  }

  const family = Family.make({
    now,
    rows,
    load,
    add,
    find,
    apply: (run, transition) => void follow(entryOf(run), transition),
  })

  /** Hands runs that became runnable, and that no operation has claimed since, to claims that wait: the best runs first. */
  const handRunnable = (): void => {
    const waiting = Array.from(runnable, ({ run }) => run).filter(({ state }) => isRunnable(state))
    for (const run of waiting.sort(byPreference)) {
      const claimed = handOver.offer(run)
      if (claimed !== undefined) follow(entryOf(run), claimed)
    }
  }

  /** Lets the first run of each freed lane go, after all changes are written, and then writes. A run that goes on frees no lane. */
  const advance = (write: Effect.Effect<void, X>) =>
    Effect.suspend(() => {
      if (lanes.length === 0) return Effect.void
      const freed = lanes
      lanes = []
      return Effect.flatMap(rows.advanceLanes(freed), (gone) => {
        for (const run of gone) {
          const entry = entryOf(add(run))
          entry.stored = run.state
          entry.run = run
          if (isRunnable(run.state)) runnable.add(entry)
        }
        return write
      })
    })

  const wakeClaims = Effect.suspend(() => {
    const left = Array.from(runnable, ({ run }) => run.state).filter(isRunnable)
    return left.length === 0 ? Effect.void : wakeups.runnable(left.map(({ spec }) => spec))
  })

  return {
    now,
    rows,
    found,
    add,
    find,
    describe,
    settle: family.settle,
    inTurn: family.inTurn,
    load,
    apply: (run, transition, details) => {
      if (details !== undefined) describe(run, details)
      return follow(entryOf(run), transition)
    },
    insert: (added, offer) =>
      Effect.suspend(() => {
        if (offer === "now") handRunnable()
        const { runs: inserted, stored } = (offer === "now" ? handOver : HandOver.none).offerNew(added)
        return Effect.map(rows.insert(inserted.map(({ run }) => run)), (keys) => {
          stored(keys)
          for (const [index, { made, run }] of inserted.entries()) {
            counters.inserted(run.state)
            follow(enter({ key: keys[index]!, state: run.state }), made)
          }
        })
      }),
    flush: (...names) =>
      Effect.flatMap(family.settle, () =>
        Iterable.some(changed, ({ details }) => changesSome(details, names))
          ? rows.together([writeChanged, advance(writeChanged)])
          : Effect.void,
      ),
    lateDetails: (runs) => late.read(runs, rows.details),
    lateClaimDetails: (runs, sessions) => late.read(runs, (all) => rows.claimDetails(all, sessions)),
    // A run of a freed lane may go to a claim that waits, which is a further write: then the transaction ends only after that.
    finish: Effect.flatMap(family.settle, () => {
      handRunnable()
      for (const entry of entries.values()) if (entry.unchecked) changed.add(entry)
      const last = lanes.length === 0 || !wakeups.claims.someWait()
      return rows.together([
        writeChanged,
        advance(
          Effect.suspend(() => {
            if (last) return Effect.void
            handRunnable()
            return rows.together([writeChanged, handOver.read])
          }),
        ),
        ...late.reads(),
        handOver.read,
        ...(last ? [rows.commit] : []),
      ])
    }),
    after: Effect.suspend(() => Effect.all([handOver.deliver, wakeClaims, ...after], { discard: true })),
    remember: () => {
      for (const { run } of entries.values()) leases.remember(run)
    },
    undo: () => {
      for (const { run } of entries.values()) leases.forget(run)
      handOver.undo()
    },
  }
}
