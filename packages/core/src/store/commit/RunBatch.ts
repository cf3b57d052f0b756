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
import type * as LimitRules from "../../rules/LimitRules.js"
import type { RunDetails, RunState } from "../../rules/RunState.js"
import { byPreference, type ClaimDetails, type Found, type RunRows } from "../rows/RunRows.js"
import type { DetailChanges, RunKey, StoredRun } from "../rows/StoredRun.js"
import * as Admission from "./Admission.js"
import * as BatchRuns from "./BatchRuns.js"
import * as Family from "./Family.js"
import * as HandOver from "./HandOver.js"
import * as Ranking from "./Ranking.js"
import type { RememberedLeases } from "./RememberedLeases.js"
import * as StoreMetrics from "./StoreMetrics.js"
import type { Wakeups } from "./Wakeups.js"

/**
 * Which limits there are that no submission names: as of now where the commit has searched, otherwise as of the last search or setting of
 * this process. `read`: whether this process has read that once.
 */
export type Governing = { -readonly [K in keyof LimitRules.Governs]: boolean } & { read: boolean }

/**
 * @since 0.1.0
 * @category models
 */
export interface RunBatch<X>
  extends
    Pick<BatchRuns.BatchRuns<X>, "load" | "add" | "find" | "apply" | "describe" | "limits">,
    Pick<Admission.Admission<X>, "limitsOf" | "governor" | "full" | "project">,
    Family.Family<X> {
  readonly governing: Governing
  /** Reads those of these limits that the commit has not read yet, so that `governor` and `full` can be decided, and locks them. */
  readonly lockLimits: Admission.Admission<X>["lock"]
  /** The instant of the commit. */
  readonly now: number
  readonly rows: RunRows<X>
  /** What the search of the commit has found for its claims; undefined when it has none. */
  readonly found: Found | undefined
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

/**
 * What a batch begins with: its runs, what the search of its claims has found, and the hand-over of runs that become runnable.
 *
 * @since 0.1.0
 * @category models
 */
export interface Beginning<X> extends BatchRuns.Beginning, Pick<RunBatch<X>, "found" | "governing"> {
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
  beginning: Beginning<X>,
): RunBatch<X> => {
  const { found, governing, handOver, now } = beginning
  const measured = StoreMetrics.ofCommit()
  const runs = BatchRuns.make(rows, measured, beginning)
  const { add, apply, consequences, describe, find, limits, load, write } = runs
  const { rank, rankNew, store } = Ranking.make(runs, rows, beginning.fairRoutes)

  /** Gives ranks to the runs that have entered a set, and goes on. */
  const ranked = (then: () => Effect.Effect<void, X>): Effect.Effect<void, X> =>
    runs.someEntering() ? Effect.flatMap(rank, then) : then()

  const writeRanked = Effect.suspend(() => ranked(() => write))
  const { admit, checksSoon, full, governor, limitsOf, lock, lockProjects, mayStart, project } =
    Admission.make(runs, rows, { governing, measured, now }, writeRanked)
  const { inTurn, settle } = Family.make(runs, rows, now)
  const { grown, lanes, signals } = consequences
  const lateReads: Array<Effect.Effect<void, X>> = []

  const late = <A>(
    of: ReadonlyArray<StoredRun>,
    read: (of: ReadonlyArray<StoredRun>) => Effect.Effect<ReadonlyMap<RunKey, A>, X>,
  ): ReadonlyMap<RunKey, A> => {
    const details = new Map<RunKey, A>()
    if (of.length > 0) {
      lateReads.push(Effect.map(read(of), (all) => all.forEach((value, key) => details.set(key, value))))
    }
    return details
  }

  const handAll = (): void => {
    for (const run of runs.runnable().sort(byPreference)) {
      const claimed = mayStart(run) ? handOver.offer(run, project(run)?.limit) : undefined
      if (claimed !== undefined) apply(run, claimed)
    }
  }

  /** Hands runs that became runnable to claims that wait, the best runs first, and goes on. */
  const handRunnable = (then: () => Effect.Effect<void, X>): Effect.Effect<void, X> => {
    if (governing.projects && handOver.hands) {
      return Effect.flatMap(lockProjects(runs.runnable()), () => {
        handAll()
        return then()
      })
    }
    handAll()
    return then()
  }

  /** The limit of the project of a new run, where it has room for one more beside `others`. */
  const placeOf = (state: RunState, others: number): string | null | undefined => {
    const limit = project({ key: 0, state })
    if (limit === undefined) return null
    return limits.mayStart(limit, false, others) ? limit.limit : undefined
  }

  /**
   * Lets the first run of each freed lane go, after all changes are written, and then writes. A run that goes on frees no lane. `admits`: the
   * commit lets runs in at their limits after it.
   */
  const advance = (thenWrite: Effect.Effect<void, X>, admits: boolean) =>
    Effect.suspend(() =>
      lanes.length === 0
        ? Effect.void
        : Effect.flatMap(rows.advanceLanes(lanes.splice(0), admits), (gone) => {
            for (const run of gone) runs.advanced(run)
            return thenWrite
          }),
    )

  const finishRanked = (): Effect.Effect<void, X> => {
    runs.compareRemembered()
    // The next run of a lane may get the limit of its project.
    const mayGetLimit = governing.projects && lanes.length > 0 && handOver.hands
    if (limits.someChanged() || mayGetLimit) return finishLimited
    // The next run of a lane may get a rank.
    const last = lanes.length === 0 || !(wakeups.claims.someWait() || beginning.fairRoutes.some())
    return rows.together([
      write,
      advance(
        Effect.suspend(() => {
          if (last) return Effect.void
          return handRunnable(() =>
            Effect.zipRight(
              writeRanked,
              Effect.suspend(() => rows.together([...store(), handOver.read])),
            ),
          )
        }),
        false,
      ),
      ...lateReads,
      handOver.read,
      ...(last ? [...store(), rows.commit] : []),
    ])
  }

  /** The same where a limit has changed: a run that it lets in may go to a claim that waits. */
  const finishLimited = Effect.suspend(() => rows.together([write, advance(writeRanked, true)])).pipe(
    Effect.zipRight(admit),
    Effect.zipRight(Effect.suspend(() => handRunnable(() => writeRanked))),
    Effect.zipRight(admit),
    Effect.zipRight(
      Effect.suspend(() => rows.together([...store(), ...lateReads, handOver.read, rows.commit])),
    ),
  )

  return {
    now,
    rows,
    found,
    load,
    add,
    find,
    apply,
    describe,
    settle,
    inTurn,
    limits,
    governing,
    limitsOf,
    lockLimits: lock,
    governor,
    full,
    project,
    insert: (added, offer) =>
      Effect.suspend(() => {
        const insertNow = (to: HandOver.HandOver<X>): Effect.Effect<void, X> => {
          const { runs: inserted, stored } = to.offerNew(added, placeOf)
          const ranking = rankNew(inserted)
          const insertAll = (all: ReadonlyArray<HandOver.AddedRun>) =>
            Effect.map(rows.insert(all.map(({ run }) => run)), (keys) => {
              stored(keys)
              for (const [index, { has, made, run }] of all.entries()) {
                const inserted = { key: keys[index]!, state: run.state }
                runs.inserted(inserted, made)
                if (has !== undefined) describe(inserted, has)
              }
            })
          return ranking === undefined ? insertAll(inserted) : Effect.flatMap(ranking, insertAll)
        }
        if (offer === "later") return insertNow(HandOver.none)
        if (!governing.projects || !handOver.hands) return handRunnable(() => insertNow(handOver))
        const news = added.map(({ run: { state } }) => ({ key: 0, state }))
        return Effect.zipRight(
          lockProjects(news),
          Effect.suspend(() => handRunnable(() => insertNow(handOver))),
        )
      }),
    flush: (...names) =>
      Effect.flatMap(settle, () =>
        runs.changes(names)
          ? Effect.zipRight(
              ranked(() => rows.together([write, advance(writeRanked, true)])),
              admit,
            )
          : names.length === 0
            ? admit
            : Effect.void,
      ),
    lateDetails: (of) => late(of, rows.details),
    lateClaimDetails: (of, sessions) => late(of, (all) => rows.claimDetails(all, sessions)),
    // A run of a freed lane may go to a claim that waits, which is a further write: then the transaction ends only after that.
    finish: Effect.flatMap(settle, () => handRunnable(() => ranked(finishRanked))),
    after: Effect.suspend(() => {
      const left = runs.runnable().map(({ state }) => state.spec)
      return Effect.all(
        [
          handOver.deliver,
          ...(left.length === 0 ? [] : [wakeups.runnable(left)]),
          ...(checksSoon() ? [wakeups.dueSooner] : []),
          ...(limits.freed.size === 0 ? [] : [wakeups.freed(limits.freed)]),
          measured.publish,
          ...(grown.length === 0 ? [] : [wakeups.logsGrew(grown)]),
          ...signals.map(({ signal, workerId }) => wakeups.signal(workerId, signal)),
        ],
        { discard: true },
      )
    }),
    remember: () => {
      for (const run of runs.all()) leases.remember(run)
    },
    undo: () => {
      for (const run of runs.all()) leases.forget(run)
      handOver.undo()
    },
  }
}
