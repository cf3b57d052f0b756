/**
 * The commits of a store of runs: each begins with the runs that its operations need, and ends with what they have changed.
 *
 * @since 0.1.0
 */
import type { Effect, Scope } from "effect"
import * as ClaimSearch from "./ClaimSearch.js"
import * as CommitQueue from "./CommitQueue.js"
import * as RunBatch from "./RunBatch.js"
import type { RunStore } from "./RunStore.js"
import type { Wakeups } from "./Wakeups.js"

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
 * The queue of a store of runs.
 *
 * @since 0.1.0
 * @category models
 */
export type RunCommits<X> = CommitQueue.CommitQueue<ClaimSearch.Request, RunBatch.RunBatch<X>, X>

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  { gather, isolates, rows, transact, unavailable }: RunStore<X>,
  wakeups: Wakeups,
): Effect.Effect<RunCommits<X>, never, Scope.Scope> =>
  CommitQueue.make<ClaimSearch.Request, RunBatch.RunBatch<X>, X>({
    transact,
    begin: (refs, claims) =>
      RunBatch.begin(rows, wakeups, refs, claims.length === 0 ? undefined : ClaimSearch.plan(claims).search),
    finish: ({ finish }) => finish,
    after: ({ after }) => after,
    gather,
    isolates,
    unavailable,
  })
