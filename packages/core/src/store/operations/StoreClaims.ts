/**
 * The port of claims over the commits of a store. A claim may wait until a run is runnable.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, type Scope } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { ClaimedRun } from "../../model/Run.js"
import type { Claims } from "../../ports/Claims.js"
import { WorkerNotFound } from "../../ports/WorkerRegistry.js"
import * as CarriedMessages from "../../rules/CarriedMessages.js"
import * as ClaimSearch from "../commit/ClaimSearch.js"
import type { RunCommits } from "../commit/RunCommits.js"
import type { Wait } from "../commit/WaitingClaims.js"
import { slowPoll, type Wakeups } from "../commit/Wakeups.js"
import { type HeldRun, maxClaimBytes } from "../rows/RunRows.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as Carried from "./Carried.js"
import * as ClaimOperation from "./ClaimOperation.js"

/** What a look gives. `blocked`: the limit of the project was in the way of runs. */
interface Look {
  readonly runs: ReadonlyArray<ClaimedRun>
  readonly blocked: boolean
}

interface Options<E> {
  readonly claimNow: Effect.Effect<Look, E>
  readonly wait: Duration.DurationInput
  readonly join: Effect.Effect<Wait, never, Scope.Scope>
}

const waitSince = <E>(begun: bigint, options: Options<E>): Effect.Effect<ReadonlyArray<ClaimedRun>, E> =>
  Effect.gen(function* () {
    const waitedUntil = (nanos: bigint) => Math.max(0, Math.floor(Number(nanos - begun) / 1e6))
    const found = (runs: ReadonlyArray<ClaimedRun>, since: bigint): ReadonlyArray<ClaimedRun> => {
      const waitedMillis = waitedUntil(since)
      return runs.map((run): ClaimedRun => ({ ...run, waitedMillis }))
    }
    const round = Effect.gen(function* () {
      const { next } = yield* options.join
      const since = yield* Clock.currentTimeNanos
      const { blocked, runs } = yield* options.claimNow
      if (runs.length > 0) return found(runs, since)
      const left = Duration.toMillis(options.wait) - waitedUntil(yield* Clock.currentTimeNanos)
      if (left <= 0) return []
      const handed = yield* next(Duration.min(Duration.millis(left), slowPoll), blocked)
      return handed && found(handed.runs, handed.since)
    }).pipe(Effect.scoped)
    let result = yield* round
    while (result === undefined) result = yield* round
    return result
  })

/**
 * Claims now and, while that returns no run, again at each wake-up until `wait` has passed, or until a commit hands it runs.
 *
 * A claim that waits joins, and looks again before it waits, so a run that becomes runnable in between is not missed. Most claims
 * find runs at once, and never join. `waitedMillis` is the time until the look that found the runs, or until the commit that handed them
 * over, on the monotonic clock and rounded down, since the holder counts its lease from then.
 */
const claimWithin = <E>(options: Options<E>): Effect.Effect<ReadonlyArray<ClaimedRun>, E> =>
  Effect.flatMap(Clock.currentTimeNanos, (begun) =>
    Effect.flatMap(options.claimNow, ({ runs }) =>
      runs.length > 0 || Duration.equals(options.wait, Duration.zero)
        ? Effect.succeed(runs)
        : waitSince(begun, options),
    ),
  )

/** Those of these runs whose carried messages fit into one answer, and the others. The first fits in any case. */
const separate = (claimed: ReadonlyArray<ClaimedRun>) => {
  const runs: Array<ClaimedRun> = []
  const withheld: Array<HeldRun> = []
  let left = maxClaimBytes
  for (const run of claimed) {
    const { carries } = run.snapshot
    if (carries === undefined) runs.push(run)
    else if (left <= 0) withheld.push(run)
    else {
      left -= CarriedMessages.bytesOf(carries)
      runs.push(run)
    }
  }
  return { runs, withheld }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <X>(
  commits: RunCommits<X>,
  { read, worker }: StoreReads<X>,
  wakeups: Wakeups,
  scope: Scope.Scope,
): ((projectId: Ids.ProjectId) => Claims["Type"]) => {
  const handBack = commits.operation(ClaimOperation.handBack())
  const claimNow = commits.operation(ClaimOperation.claim(handBack))
  return (projectId) => ({
    claim: (request) =>
      Effect.flatMap(worker(request.workerId), (identity): ReturnType<Claims["Type"]["claim"]> => {
        if (identity.projectId !== projectId) return new WorkerNotFound({ workerId: request.workerId })
        const claim = ClaimSearch.request(identity, request)
        const giveBack = (taken: ReadonlyArray<HeldRun>) =>
          taken.length === 0 ? Effect.void : Effect.ignoreLogged(handBack({ request: claim, taken }))
        const claimed = claimWithin({
          claimNow: Effect.tap(claimNow(claim), ({ withheld }) => giveBack(withheld)),
          wait: (claim.limit > claim.ahead && request.wait) || Duration.zero,
          join: wakeups.claims.join(ClaimSearch.waiting(claim), (taken) =>
            // The commit that hands runs over does not wait for another one, nor does a claim whose caller has gone.
            Effect.asVoid(Effect.forkIn(Effect.ignoreLogged(handBack({ request: claim, taken })), scope)),
          ),
        })
        return Effect.flatMap(claimed, (all) => {
          if (all.every(({ snapshot }) => snapshot.carries === undefined)) return Effect.succeed(all)
          const { runs, withheld } = separate(all)
          return Effect.forEach(runs, (run) =>
            Effect.map(
              read("Claims.claim", Carried.whole({ projectId, runId: run.runId }, run.snapshot)),
              (snapshot): ClaimedRun => ({ ...run, snapshot }),
            ),
          ).pipe(Effect.zipLeft(giveBack(withheld)))
        })
      }),
  })
}
