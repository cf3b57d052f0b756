/**
 * The commits of a store of runs: each begins with the runs that its operations need, and ends with what they have changed.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import * as ClaimSearch from "./ClaimSearch.js"
import * as CommitQueue from "./CommitQueue.js"
import * as FairRoutes from "./FairRoutes.js"
import * as HandOver from "./HandOver.js"
import * as RememberedLeases from "./RememberedLeases.js"
import * as RunBatch from "./RunBatch.js"
import * as LimitRules from "../../rules/LimitRules.js"
import type { Found, RunKey, RunRef, RunRows, Search, StoredRun } from "../rows/RunRows.js"
import type { RunStore } from "../rows/RunStore.js"
import { logKey, type Wakeups } from "./Wakeups.js"

/**
 * One sort of request about runs. Its probes are claims.
 *
 * @since 0.1.0
 * @category models
 */
export type RunOperation<Request, Decision, A, E, X> = CommitQueue.Operation<
  Request,
  Decision,
  A,
  E,
  ClaimSearch.Request,
  RunBatch.RunBatch<X>,
  X
>

/**
 * The queue of a store of runs. `governing`: what this process has seen last of limits that no submission names.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunCommits<X> extends CommitQueue.CommitQueue<ClaimSearch.Request, RunBatch.RunBatch<X>, X> {
  readonly governing: RunBatch.Governing
}

/**
 * Begins the batch of a commit: reads the runs that it names and does not remember, and searches for those that its claims may
 * take. `since` is the monotonic time in nanoseconds before its instant.
 *
 * When claims wait, it also reads what is due: runs are handed to them only when time makes no other run runnable. `governing` remembers
 * which limits there are that no submission names, as of the last search or setting of this process.
 */
const begin = <X>(
  rows: RunRows<X>,
  wakeups: Wakeups,
  leases: RememberedLeases.RememberedLeases,
  fairRoutes: FairRoutes.FairRoutes,
  refs: ReadonlyArray<RunRef>,
  search: Search | undefined,
  since: bigint,
  governing: RunBatch.Governing,
): Effect.Effect<RunBatch.RunBatch<X>, X> =>
  Effect.suspend(() => {
    const remembered = new Map<string, StoredRun>()
    const unknown = refs.filter((ref) => {
      const run = leases.find(ref)
      if (run !== undefined) remembered.set(logKey(ref), run)
      return run === undefined
    })
    let runs: ReadonlyArray<StoredRun> = []
    let found: Found | undefined
    let due: ReadonlyArray<RunKey> | undefined
    const reads: Array<Effect.Effect<void, X>> = []
    if (unknown.length > 0) {
      reads.push(
        Effect.map(rows.find(unknown), (read) => {
          runs = read
        }),
      )
    }
    if (search !== undefined) {
      reads.push(
        Effect.map(rows.search(search), (read) => {
          found = read
          due = read.due
          Object.assign(governing, read.governs, { read: true })
        }),
      )
    } else if (wakeups.claims.someWait()) {
      reads.push(
        Effect.map(rows.due, (read) => {
          due = read.due
          Object.assign(governing, read.governs, { read: true })
        }),
      )
    }
    // The first statements do not wait for the instant, which the beginning of the transaction gives.
    return Effect.map(
      reads.length === 0 ? rows.now : Effect.zipRight(rows.together(reads), rows.now),
      (now) => {
        const handOver =
          due?.length === 0 ? HandOver.make(wakeups.claims, rows, { now, since }) : HandOver.none
        return RunBatch.make(rows, wakeups, leases, {
          now,
          runs,
          remembered: [...remembered.values()],
          found,
          governing,
          handOver,
          fairRoutes,
        })
      },
    )
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  { gather, isolates, rows, transact, unavailable }: RunStore<X>,
  wakeups: Wakeups,
): Effect.Effect<RunCommits<X>, never, Scope.Scope> =>
  Effect.flatMap(RememberedLeases.Maker, (makeRemembered) => {
    const leases = makeRemembered()
    const governing: RunBatch.Governing = { ...LimitRules.noneGovern, read: false }
    const fairRoutes = FairRoutes.make()
    const queue = CommitQueue.make<ClaimSearch.Request, RunBatch.RunBatch<X>, X>({
      transact,
      begin: (refs, claims, since) =>
        begin(
          rows,
          wakeups,
          leases,
          fairRoutes,
          refs,
          claims.length === 0 ? undefined : ClaimSearch.plan(claims).search,
          since,
          governing,
        ),
      finish: ({ finish }) => finish,
      after: ({ after, remember }) => {
        remember()
        return after
      },
      undone: ({ undo }) => undo(),
      gather,
      isolates,
      unavailable,
    })
    return Effect.map(queue, (commits) => ({ ...commits, governing }))
  })
