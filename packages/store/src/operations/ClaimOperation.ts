/**
 * Claims: runnable runs go to workers under leases, and a claim that is sent again gets what it got.
 *
 * Claims of one commit share one search, and take turns at what it finds.
 *
 * Source: docs/decisions/0022-claim-ids.md
 */
import * as CarriedMessages from "@runlease/core/CarriedMessages"
import type { Claims } from "@runlease/core/Claims"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import type * as Ids from "@runlease/core/Ids"
import { forExecutor } from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import { WorkerNotFound } from "@runlease/core/WorkerRegistry"
import { Effect, Either, Clock, Duration, type Scope } from "effect"
import { runnableSince } from "../rules/Counters.js"
import { toClaimed } from "../rules/RunState.js"
import { isClaimable, isRunnable, mayHaveSession } from "../rules/Transition.js"
import * as RunTransitions from "../rules/RunTransitions.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as RolloutRules from "../rules/RolloutRules.js"
import * as ClaimSearch from "../commit/ClaimSearch.js"
import * as StoreRollouts from "./StoreRollouts.js"
import * as Sweeper from "./Sweeper.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { RunOperation, RunCommits } from "../commit/RunCommits.js"
import {
  byPreference,
  type ClaimDetails,
  type Found,
  type ClaimedRunRef,
  type RunKey,
  type RunRef,
  type StoredRun,
  maxClaimBytes,
} from "../rows/RunRows.js"
import * as StoreMetrics from "../commit/StoreMetrics.js"
import type { Waiter, WaitingClaims } from "../commit/WaitingClaims.js"
import type { Wakeups } from "../commit/Wakeups.js"
import type { StoreReads } from "../rows/StoreReads.js"
import * as Carried from "./Carried.js"
import type { SealedAnswers } from "./SealedAnswers.js"

type Request = ClaimSearch.Request

/** A run that a claim gets. `queuedMillis`: how long it had been runnable; undefined for one that is returned again. */
interface TakenRun extends StoredRun {
  readonly queuedMillis?: number
}

/** The runs that a claim takes, or that a repeated claim gets again. */
interface Decision {
  readonly claimed: ReadonlyArray<TakenRun>
  readonly details: ReadonlyMap<RunKey, ClaimDetails>
  readonly anew: boolean
  readonly blocked: boolean
}

/**
 * `anew`: whether the runs were claimed for this very request, and not for the one that it repeats. `blocked`: whether the limit of the project
 * was in the way of runs.
 */
interface ClaimAnswer {
  readonly runs: ReadonlyArray<ClaimedRun>
  /** Runs that are claimed, and whose requests are too large to be returned with the others. */
  readonly withheld: ReadonlyArray<ClaimedRunRef>
  readonly anew: boolean
  readonly blocked: boolean
}

const nothing: Found = {
  runnable: [],
  claimedBefore: [],
  due: [],
  scopedLimits: LimitRules.noScopedLimits,
  pinned: false,
}

/** The runs of these as far as the request gave them and its worker still holds them. */
const giveAgain = <X>(
  batch: RunBatch<X>,
  request: Request,
  runs: ReadonlyArray<StoredRun>,
): ReadonlyArray<StoredRun> =>
  runs.flatMap((run) => {
    const again = RunTransitions.claimAgain(run.state, request, batch.now)
    return again === undefined ? [] : [batch.apply(run, again)]
  })

/** The runs of each request that repeats an earlier claim. A request without any claims anew. */
const giveEarlier = <X>(
  batch: RunBatch<X>,
  claimedBefore: ReadonlyMap<Request, ReadonlyArray<RunRef>>,
): Effect.Effect<Map<Request, ReadonlyArray<StoredRun>>, X> => {
  const again = new Map<Request, ReadonlyArray<StoredRun>>()
  return Effect.map(batch.load([...claimedBefore.values()].flat()), () => {
    for (const [request, refs] of claimedBefore) {
      const found = refs.flatMap((ref) => batch.find(ref) ?? []).toSorted(byPreference)
      const repeated = giveAgain(batch, request, found)
      if (repeated.length > 0) again.set(request, repeated)
    }
    return again
  })
}

/** Those of these requests whose id is new, and the others, each with the one that it repeats. */
const separate = (requests: ReadonlyArray<Request>) => {
  const named = new Map<string, Request>()
  const repeats = new Map<Request, Request>()
  const first: Array<Request> = []
  for (const request of requests) {
    const name = request.claimId === null ? undefined : `${request.workerId} ${request.claimId}`
    const before = name === undefined ? undefined : named.get(name)
    if (before !== undefined) {
      repeats.set(request, before)
      continue
    }
    if (name !== undefined) named.set(name, request)
    first.push(request)
  }
  return { first, repeats }
}

/** Whether this commit has changed a run since it was found runnable: another run may be runnable in its place. */
const isStale = <X>(batch: RunBatch<X>, assigned: ReadonlyArray<ClaimSearch.Assignment>): boolean => {
  for (const { run } of assigned) {
    const now = batch.find(run.state.spec)
    if (now !== undefined && !isRunnable(now.state)) return true
  }
  return false
}

/**
 * `blocked`: the requests for whose runs the limit of the project had no room. `rollouts`: those of the projects; undefined for none. `routed`:
 * how many runs went to another version.
 */
interface ClaimedRuns {
  readonly rollouts: RolloutRules.Rollouts | undefined
  readonly runs: Map<Request, Array<TakenRun>>
  readonly blocked: Set<Request>
  routed: number
}

/**
 * Claims these runs. Those that have a limit without room, or are not under that of their agent yet, are put behind it, and those that their
 * rollout has for another version go there; returns how many. Those whose project has no room stay as they are.
 */
const take = <X>(
  batch: RunBatch<X>,
  assigned: ReadonlyArray<ClaimSearch.Assignment>,
  claimed: ClaimedRuns,
): number => {
  let putBack = 0
  for (const { request, run } of assigned) {
    let current = batch.add(run)
    if (!isClaimable(current.state, batch.now)) continue
    const { rollouts } = claimed
    const version = rollouts === undefined ? undefined : RolloutRules.versionAtClaim(rollouts, current.state)
    if (version !== undefined && version !== current.state.version) {
      current = batch.apply(current, RunTransitions.route(current.state, version))
      if (version !== request.version) {
        claimed.routed += 1
        putBack += 1
        continue
      }
    }
    // This commit may have let another worker claim it and hand it back.
    if (current.state.version !== null && current.state.version !== request.version) continue
    const limits = batch.mayBeLimited(current) ? batch.limits() : undefined
    const project = limits?.project(current)
    if (project !== undefined && limits?.hasRoom(project) === false) {
      claimed.blocked.add(request)
      continue
    }
    const governor = limits?.governor(current)
    const full = governor ?? limits?.full(current)
    if (full !== undefined) {
      const back =
        governor === undefined
          ? LimitRules.putBack(current.state, full, batch.now)
          : LimitRules.govern(current.state, governor)
      batch.apply(current, back)
      putBack += 1
      continue
    }
    const made = RunTransitions.claim(current.state, request, batch.now, project?.limit)
    const { key, state } = batch.apply(current, made)
    const queuedMillis = Math.max(0, batch.now - runnableSince(current.state, batch.now))
    claimed.runs.get(request)!.push({ key, state, queuedMillis })
  }
  return putBack
}

/** What a request still wants. */
const left = (request: Request, { runs }: ClaimedRuns): Request => {
  const limit = request.limit - runs.get(request)!.length
  return { ...request, limit, ahead: Math.min(request.ahead, limit) }
}

/** The most further searches of a commit since runs went to the versions of their rollouts. The claims that want more look again later. */
const mostRoutings = 16

/**
 * Claims the runs of an assignment. While a limit has no room for one of them, that run is put behind it and the requests search again:
 * a place was granted for it, so a search is paid for by an admission. So they do where a run goes to another version, a few times.
 */
const takeWithLimits = <X>(
  batch: RunBatch<X>,
  plan: ClaimSearch.Plan,
  requests: ReadonlyArray<Request>,
  assigned: ReadonlyArray<ClaimSearch.Assignment>,
  claimed: ClaimedRuns,
  routings = 0,
): Effect.Effect<void, X> =>
  Effect.flatMap(batch.limits().lock(assigned.flatMap(({ run }) => batch.limits().limitsOf(run))), () => {
    const { routed } = claimed
    if (take(batch, assigned, claimed) === 0) return Effect.void
    const after = claimed.routed > routed ? routings + 1 : routings
    if (after > mostRoutings) return Effect.void
    const wanting = new Map(requests.map((request) => [left(request, claimed), request]))
    const origin = (request: Request): Request => wanting.get(request)!
    return batch.flush().pipe(
      Effect.zipRight(batch.rows.search(plan.search)),
      Effect.flatMap((found) => {
        const again = ClaimSearch.assign([...wanting.keys()], (each) => plan.runnable(origin(each), found))
        const ofRequests = again.map(({ request, run }) => ({ request: origin(request), run }))
        return takeWithLimits(batch, plan, requests, ofRequests, claimed, after)
      }),
    )
  })

/** Its generator function is made once: one that is made for each commit would keep the commit in memory until the next full collection. */
const claimAll = Effect.fnUntraced(function* <X>(
  requests: ReadonlyArray<Request>,
  batch: RunBatch<X>,
): Effect.fn.Return<ReadonlyArray<Either.Either<Decision>>, X> {
  yield* batch.settle
  const { found, plan } = batch.search ?? { plan: ClaimSearch.plan(requests, false), found: nothing }
  const claimedBefore = plan.claimedBefore(found)
  const again =
    claimedBefore.size === 0
      ? new Map<Request, ReadonlyArray<StoredRun>>()
      : yield* giveEarlier(batch, claimedBefore)
  const { first, repeats } = separate(
    again.size === 0 ? requests : requests.filter((request) => !again.has(request)),
  )

  // Each request gets runnable runs in its order of preference. A run that was due may be runnable now, and takes its turn too.
  const assign = (among: Found) => ClaimSearch.assign(first, (request) => plan.runnable(request, among))
  let assigned = assign(found)
  if (found.due.length > 0 || isStale(batch, assigned)) {
    yield* Sweeper.moveDue(batch, found.due)
    yield* batch.flush()
    assigned = assign(yield* batch.rows.search(plan.search))
  }
  const ofRollouts = new Set<string>()
  if (batch.rolloutProjects.size > 0 && assigned.length > 0) {
    for (const { worker } of first) {
      if (batch.rolloutProjects.has(worker.projectId)) ofRollouts.add(worker.projectId)
    }
  }
  const rollouts = ofRollouts.size === 0 ? undefined : yield* StoreRollouts.ofProjects(batch, ofRollouts)
  const claims: ClaimedRuns = { runs: new Map(), blocked: new Set(), rollouts, routed: 0 }
  for (const request of first) claims.runs.set(request, [])
  if (rollouts !== undefined || assigned.some(({ run }) => batch.mayBeLimited(run))) {
    yield* takeWithLimits(batch, plan, first, assigned, claims)
  } else take(batch, assigned, claims)
  const { blocked, runs: claimed } = claims

  for (const [request, before] of repeats) again.set(request, giveAgain(batch, request, claimed.get(before)!))
  const all = new Map<RunKey, StoredRun>()
  let sessions = again.size > 0
  for (const request of requests) {
    for (const run of claimed.get(request) ?? again.get(request)!) {
      all.set(run.key, run)
      sessions ||= mayHaveSession(run.state)
    }
  }
  const details = batch.late([...all.values()], (runs) =>
    batch.rows.claimDetails(runs, sessions ? "claimed with session" : "claimed"),
  )
  return requests.map((request) =>
    Either.right({
      claimed: claimed.get(request) ?? again.get(request)!,
      details,
      anew: claimed.has(request),
      blocked: blocked.has(repeats.get(request) ?? request),
    }),
  )
})

const refOf = ({ leaseEpoch, spec }: StoredRun["state"]): ClaimedRunRef => ({ leaseEpoch, runId: spec.runId })

/** The operation of a claim, whose caller gets `handBack` for the runs that it is not there to take. */
export const claim = <X>(
  handBack: (abandoned: Abandoned) => Effect.Effect<void, unknown>,
): RunOperation<Request, Decision, ClaimAnswer, never, X> => ({
  name: "Claims.claim",
  probes: (request) => [request],
  decide: claimAll,
  answer: ({ anew, blocked, claimed, details }) => ({
    anew,
    blocked,
    runs: claimed.flatMap(({ key, queuedMillis, state }) => {
      const found = details.get(key)
      if (found === undefined) return []
      if (queuedMillis !== undefined) StoreMetrics.pickUp.add(queuedMillis / 1000)
      return [toClaimed(state, found.details, forExecutor(found.snapshot), queuedMillis)]
    }),
    withheld: claimed.flatMap(({ key, state }) => (details.has(key) ? [] : [refOf(state)])),
  }),
  // When this fails too, the leases lapse. A run that is returned again may have reached its worker by the other answer.
  abandoned: (request, { anew, runs }) =>
    anew && runs.length > 0 ? Effect.ignoreLogged(handBack({ request, runs })) : Effect.void,
})

/** The runs of a claim whose caller has gone. */
export interface Abandoned {
  readonly request: Request
  readonly runs: ReadonlyArray<ClaimedRunRef>
}

const handBackOne = <X>({ request, runs }: Abandoned, batch: RunBatch<X>): void => {
  const { projectId } = request.worker
  for (const { leaseEpoch, runId } of runs) {
    const run = batch.find({ projectId, runId })
    if (run === undefined) continue
    const fence = { workerId: request.workerId, epoch: leaseEpoch }
    const abandoned = RunTransitions.abandonClaim(run.state, fence, batch.now)
    if (abandoned !== undefined) batch.apply(run, abandoned)
  }
}

/** Hands back the runs of a claim whose caller has gone, unless they were lost or a repeat got them since. */
export const handBackOperation = <X>(): RunOperation<Abandoned, void, void, never, X> => ({
  name: "Claims.handBack",
  refs: ({ request: { worker }, runs }) => runs.map(({ runId }) => ({ projectId: worker.projectId, runId })),
  decide: (requests, batch) =>
    Effect.sync(() => {
      for (const request of requests) handBackOne(request, batch)
      return requests.map(() => Either.void)
    }),
  answer: () => undefined,
})

// The port of claims over the commits of a store. A claim may wait until a run is runnable.

/**
 * A claim that waits. `begun`: the monotonic time at which it began. `look` claims now; `blocked`: the limit of the project was in the way
 * of runs.
 */
interface LongPoll {
  readonly begun: bigint
  /** Its last wait, where it looks without a wake-up. */
  polled: Waiter | undefined
  readonly waitMillis: number
  readonly look: Effect.Effect<Pick<ClaimAnswer, "runs" | "blocked">, ControlPlaneUnavailable>
  readonly waiting: WaitingClaims
  readonly join: ReturnType<WaitingClaims["join"]>
}

const waitedMillis = (begun: bigint, nanos: bigint): number =>
  Math.max(0, Math.floor(Number(nanos - begun) / 1e6))

/**
 * Joins those that wait, looks again, and waits until a commit hands over runs. Undefined where it is to look again.
 *
 * A run that becomes runnable in between is not missed. `waitedMillis` is the time until the look that found the runs, or until the commit
 * that handed them over, on the monotonic clock and rounded down, since the holder counts its lease from then.
 */
const round = Effect.fnUntraced(function* (
  claim: LongPoll,
): Effect.fn.Return<ReadonlyArray<ClaimedRun> | undefined, ControlPlaneUnavailable, Scope.Scope> {
  const { begun, join, look, waiting, waitMillis } = claim
  const waiter = yield* join
  let since = yield* Clock.currentTimeNanos
  const looked = yield* look
  let { runs } = looked
  if (runs.length === 0) {
    const left = waitMillis - waitedMillis(begun, yield* Clock.currentTimeNanos)
    if (left <= 0) return []
    const handed = yield* waiting.next(waiter, Duration.millis(left), looked.blocked)
    if (handed === undefined) {
      claim.polled = waiter.polled ? waiter : undefined
      return undefined
    }
    runs = handed.runs
    since = handed.since
  } else if (claim.polled !== undefined) waiting.pollNext(claim.polled)
  const waited = waitedMillis(begun, since)
  const claimed: Array<ClaimedRun> = []
  for (const run of runs) claimed.push({ ...run, waitedMillis: waited })
  return claimed
})

/** Those of these runs whose carried messages fit into one answer, and the others. The first fits in any case. */
const separateWithheld = (claimed: ReadonlyArray<ClaimedRun>) => {
  const runs: Array<ClaimedRun> = []
  const withheld: Array<ClaimedRunRef> = []
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

export const claims = <X>(
  commits: RunCommits<X>,
  { read, worker }: StoreReads<X>,
  wakeups: Wakeups,
  { open }: SealedAnswers,
  scope: Scope.Scope,
): ((projectId: Ids.ProjectId) => Claims["Type"]) => {
  const handBack = commits.operation(handBackOperation<X>())
  const claimNow = commits.operation(claim(handBack))
  return (projectId) => ({
    claim: Effect.fnUntraced(function* (request) {
      const identity = yield* worker(request.workerId)
      if (identity.projectId !== projectId) return yield* new WorkerNotFound({ workerId: request.workerId })
      const claim = ClaimSearch.request(identity, request)
      const look = Effect.tap(claimNow(claim), ({ withheld }) =>
        withheld.length === 0
          ? Effect.void
          : Effect.ignoreLogged(handBack({ request: claim, runs: withheld })),
      )

      // Most claims find runs at once, and never join. The others claim again at each wake-up until their wait has passed.
      const begun = yield* Clock.currentTimeNanos
      let found: ReadonlyArray<ClaimedRun> | undefined = (yield* look).runs
      const waitMillis = claim.limit > claim.ahead ? Duration.toMillis(request.wait ?? Duration.zero) : 0
      if (found.length === 0 && waitMillis > 0) {
        const join = wakeups.claims.join(claim.ahead === 0 ? claim : ClaimSearch.waiting(claim), (runs) =>
          // The commit that hands runs over does not wait for another one, nor does a claim whose caller has gone.
          Effect.asVoid(Effect.forkIn(Effect.ignoreLogged(handBack({ request: claim, runs })), scope)),
        )
        const waiting: LongPoll = {
          begun,
          polled: undefined,
          waitMillis,
          look,
          waiting: wakeups.claims,
          join,
        }
        do found = yield* Effect.scoped(round(waiting))
        while (found === undefined)
      }

      if (found.some(({ snapshot }) => snapshot.resume !== undefined)) {
        found = yield* Effect.forEach(found, open)
      }
      if (found.every(({ snapshot }) => snapshot.carries === undefined)) return found
      const { runs, withheld } = separateWithheld(found)
      const whole: Array<ClaimedRun> = []
      for (const run of runs) {
        const ref = { projectId, runId: run.runId }
        whole.push({ ...run, snapshot: yield* read("Claims.claim", Carried.whole(ref, run.snapshot)) })
      }
      if (withheld.length > 0) {
        yield* Effect.ignoreLogged(handBack({ request: claim, runs: withheld }))
      }
      return whole
    }),
  })
}
