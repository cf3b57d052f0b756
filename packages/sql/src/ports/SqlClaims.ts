/**
 * Claims on SQL.
 *
 * A claim looks into the index of runnable runs once for every route that may lead to its worker, and once more for what
 * its id gave before; claims of one commit share one search, and take turns at what it finds.
 *
 * @since 0.1.0
 */
import {
  Claims,
  type Ids,
  RequestSnapshot,
  type Run,
  LongPoll,
  RunState,
  Transition,
  Transitions,
  type Wakeups,
  WorkerRegistry,
} from "@runlease/core"
import { Cache, Duration, Effect, Either, Exit, Function, Iterable } from "effect"
import * as Assignment from "../batch/Assignment.js"
import * as ClaimRepeats from "../batch/ClaimRepeats.js"
import type { Found, Request } from "../batch/ClaimRequest.js"
import * as ClaimSearch from "../batch/ClaimSearch.js"
import type * as RunBatch from "../batch/RunBatch.js"
import type * as RunQueries from "../batch/RunQueries.js"
import { claimDetails, type StoredRun } from "../rows/RunCodec.js"
import type { SqlStore } from "../batch/SqlStore.js"
import * as DueRuns from "../batch/DueRuns.js"

/** The runs that a claim takes, or that a repeated claim is given again. */
interface Decision {
  readonly claimed: ReadonlyArray<StoredRun>
  readonly details: ReadonlyMap<number, RunQueries.DetailsWith<"snapshot">>
  /** Whether the runs were taken for this very request, and not for the one that it repeats. */
  readonly anew: boolean
}

interface Given {
  readonly runs: ReadonlyArray<Run.ClaimedRun>
  readonly anew: boolean
}

/** Whether this commit has changed a run since it was found runnable: another run may be runnable in its place. */
const isStale = (runs: RunBatch.RunBatch, assigned: ReadonlyMap<number, Assignment.Assignment>): boolean =>
  Iterable.some(assigned.values(), ({ candidate: { project_id, run_id } }) => {
    const run = runs.find({ projectId: project_id, runId: run_id })
    return run !== undefined && !Transition.isRunnable(run.state)
  })

/** Claims runnable runs, for each request in its order of preference. */
const takeAnew = Effect.fnUntraced(function* (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  requests: ReadonlyArray<Request>,
  found: Found,
) {
  let assigned = Assignment.assign(requests, found)
  if (found.due.length > 0 || isStale(runs, assigned)) {
    // A run that was due may be runnable now, and takes its turn by age and priority too.
    yield* DueRuns.moveDue(runs, found.due)
    yield* runs.flush
    assigned = Assignment.assign(requests, yield* ClaimSearch.search(store, requests))
  }
  const taken = new Map<Request, Array<StoredRun>>(requests.map((request) => [request, []]))
  for (const { candidate, request } of assigned.values()) {
    const run = runs.add(candidate)
    if (!Transition.isRunnable(run.state)) continue
    const claimed = Transitions.claim(run.state, ClaimRepeats.claimOf(request), runs.now)
    taken.get(request)!.push(runs.apply(run, claimed))
  }
  return taken
})

const claimAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  runs: RunBatch.RunBatch,
) {
  const { found } = runs
  const again = yield* ClaimRepeats.giveAgain(runs, found.given)
  const { first, repeats } = ClaimRepeats.separate(requests.filter((request) => !again.has(request)))
  const taken = yield* takeAnew(store, runs, first, found)
  for (const [request, before] of repeats) {
    again.set(request, ClaimRepeats.claimAgain(runs, request, taken.get(before)!))
  }
  const runsOf = (request: Request) => taken.get(request) ?? again.get(request)!
  const given = new Map(requests.flatMap(runsOf).map((run) => [run.key, run]))
  // A session is recorded by a holder, so a run that is claimed for the first time has none.
  const sessions = again.size > 0 || Iterable.some(given.values(), ({ state }) => state.leaseEpoch > 1)
  const details = runs.late([...given.keys()], { more: "snapshot", sessions })
  return requests.map((request) =>
    Either.right({ claimed: runsOf(request), details, anew: taken.has(request) }),
  )
})

const claimedRuns = ({ claimed, details }: Decision): ReadonlyArray<Run.ClaimedRun> =>
  claimed.map(({ key, state }) => {
    const row = details.get(key)!
    return RunState.toClaimed(
      state,
      claimDetails(state.spec.runId, row),
      RequestSnapshot.forExecutor(JSON.parse(row.snapshot)),
    )
  })

interface Abandoned {
  readonly request: Request
  readonly taken: ReadonlyArray<Run.ClaimedRun>
}

/** Hands back the runs of a claim whose caller has gone, unless they were lost or a repeat was given them since. */
const handBackAll = (requests: ReadonlyArray<Abandoned>, runs: RunBatch.RunBatch) => {
  for (const { request, taken } of requests) {
    for (const { leaseEpoch, leaseExpiresAt, runId } of taken) {
      const run = runs.find({ projectId: request.projectId, runId })
      if (run === undefined || leaseExpiresAt === null) continue
      const fence = { workerId: request.workerId, epoch: leaseEpoch }
      const abandoned = Transitions.abandonClaim(run.state, fence, leaseExpiresAt.epochMillis, runs.now)
      if (abandoned !== undefined) runs.apply(run, abandoned)
    }
  }
  return requests.map((): Either.Either<void> => Either.void)
}

const accepts =
  ({ projectId, kind, key, agentIds }: Request) =>
  (route: Wakeups.Route): boolean =>
    route.projectId === projectId &&
    (route.implementationKind === null || route.implementationKind === kind) &&
    (route.workerKey === null || route.workerKey === key) &&
    (agentIds.length === 0 || agentIds.some((agentId) => agentId === route.agentId))

/** The project, kind and key of a worker, which never change, so they are read once. */
const makeWorkers = (store: SqlStore) =>
  Cache.makeWith({
    capacity: 10_000,
    timeToLive: Exit.match({ onSuccess: () => Duration.infinity, onFailure: () => Duration.zero }),
    lookup: (workerId: Ids.WorkerId) =>
      Effect.flatMap(
        store.read(
          "Claims.claim",
          store.sql<{ readonly project_id: string; readonly kind: string; readonly key: string }>`
            SELECT project_id, implementation_kind AS kind, worker_key AS key FROM workers WHERE id = ${workerId}`,
        ),
        ([worker]) =>
          worker === undefined ? new WorkerRegistry.WorkerNotFound({ workerId }) : Effect.succeed(worker),
      ),
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (store: SqlStore) {
  const { writer, wakeups } = store
  const workers = yield* makeWorkers(store)

  const handBack = writer.operation<Abandoned, void, void>({
    name: "Claims.handBack",
    refs: ({ request: { projectId }, taken }) => taken.map(({ runId }) => ({ projectId, runId })),
    decide: (requests, runs) => Effect.sync(() => handBackAll(requests, runs)),
    answer: Function.identity,
  })

  const claimNow = writer.operation<Request, Decision, Given>({
    name: "Claims.claim",
    probes: (request) => [request],
    decide: (requests, runs) => claimAll(store, requests, runs),
    answer: (decision) => ({ runs: claimedRuns(decision), anew: decision.anew }),
    // When this fails too, the leases lapse. A run that is given again may have reached its worker by the other answer.
    abandoned: (request, { anew, runs }) =>
      anew && runs.length > 0 ? Effect.ignoreLogged(handBack({ request, taken: runs })) : Effect.void,
  })

  return (projectId: Ids.ProjectId): Claims.Claims["Type"] => ({
    claim: Effect.fnUntraced(function* (request) {
      const { workerId } = request
      // A caller that is interrupted here would interrupt the others that wait for the same read.
      const worker = yield* Effect.uninterruptible(workers.get(workerId))
      if (worker.project_id !== projectId) return yield* new WorkerRegistry.WorkerNotFound({ workerId })
      const claim: Request = {
        projectId,
        workerId,
        claimId: request.claimId ?? null,
        kind: worker.kind,
        key: worker.key,
        agentIds: request.agentIds ?? [],
        limit: request.limit,
        lease: Duration.toMillis(request.leaseDuration),
      }
      return yield* LongPoll.claimWithin({
        claimNow: Effect.map(claimNow(claim), ({ runs }) => runs),
        wait: request.wait ?? Duration.zero,
        waiter: wakeups.runnableWaiter(accepts(claim)),
      })
    }),
  })
})
