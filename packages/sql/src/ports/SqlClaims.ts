/**
 * Claims on SQL.
 *
 * A claim looks into the index of runnable runs once for every route that may lead to its worker, and once more for what
 * its id gave before; claims of one commit share one search, and take turns at what it finds.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import {
  Claims,
  type GroupCommit,
  type Ids,
  RequestSnapshot,
  type Run,
  LongPoll,
  type Wakeups,
  WorkerRegistry,
} from "@runlease/core"
import { Cache, Duration, Effect, Either, Exit, Iterable } from "effect"
import * as Assignment from "../batch/Assignment.js"
import * as ClaimRepeats from "../batch/ClaimRepeats.js"
import type { Request } from "../batch/ClaimRequest.js"
import * as ClaimSearch from "../batch/ClaimSearch.js"
import * as Moves from "../batch/Moves.js"
import * as RunBatch from "../batch/RunBatch.js"
import * as RunQueries from "../batch/RunQueries.js"
import { type RunRow, toClaimed } from "../rows/RunRow.js"
import type { SqlStore } from "../batch/SqlStore.js"
import * as Sweep from "../batch/Sweep.js"

type Details = Effect.Effect.Success<ReturnType<typeof RunQueries.readDetails<"snapshot">>>

/** What a claim gives, and whether it was taken for this very request and not for the one that it repeats. */
interface Given {
  readonly runs: ReadonlyArray<Run.ClaimedRun>
  readonly anew: boolean
}

const refOf = ({ project_id, run_id }: RunRow): RunQueries.RunRef => ({
  projectId: project_id,
  runId: run_id,
})

/** Whether this commit has meanwhile changed a run that was found runnable, so that it may hide one that still is. */
const isStale = (runs: RunBatch.RunBatch, assigned: ReadonlyMap<number, Assignment.Assignment>): boolean =>
  Iterable.some(assigned.values(), ({ candidate }) => {
    const row = runs.find(refOf(candidate))
    return row !== undefined && !RunBatch.isRunnable(row)
  })

/** Takes what is runnable; gives the runs of each request in its own order of preference. */
const takeAnew = Effect.fnUntraced(function* (
  store: SqlStore,
  runs: RunBatch.RunBatch,
  requests: ReadonlyArray<Request>,
  found: ClaimSearch.Found,
) {
  let assigned = Assignment.assign(requests, found)
  if (found.due.length > 0 || isStale(runs, assigned)) {
    // What was due, and may be runnable by now, goes by its age and priority too.
    yield* Sweep.moveDue(runs, found.due)
    yield* runs.flush
    assigned = Assignment.assign(requests, yield* ClaimSearch.search(store, requests))
  }
  const taken = new Map<Request, Array<RunRow>>(requests.map((request) => [request, []]))
  for (const { candidate, request } of assigned.values()) {
    const row = runs.know(candidate)
    if (!RunBatch.isRunnable(row)) continue
    const { claimId, lease, workerId } = request
    taken
      .get(request)!
      .push(runs.move(Moves.claim(row, { workerId, claimId, expiresAt: runs.now + lease }, runs.now)))
  }
  return taken
})

const claimAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  commit: GroupCommit.Commit<SqlError>,
  found: ClaimSearch.Found,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  const again = yield* ClaimRepeats.giveAgain(runs, found.given)
  const { first, repeats } = ClaimRepeats.apart(requests.filter((request) => !again.has(request)))
  const taken = yield* takeAnew(store, runs, first, found)
  for (const [request, before] of repeats) {
    again.set(request, ClaimRepeats.renew(runs, request, taken.get(before)!))
  }
  const rowsOf = (request: Request) => taken.get(request) ?? again.get(request)!
  const given = new Map(requests.flatMap(rowsOf).map((row) => [row.run_pk, row]))
  // A session is recorded by a holder, so a run that is claimed for the first time has none.
  const sessions = again.size > 0 || Iterable.some(given.values(), ({ lease_epoch }) => lease_epoch > 1)
  let details: Details = new Map()
  if (given.size > 0) {
    runs.alongside(
      Effect.map(RunQueries.readDetails(store, [...given.keys()], { more: "snapshot", sessions }), (read) => {
        details = read
      }),
    )
  }
  return () =>
    requests.map((request): Either.Either<Given> =>
      Either.right({
        anew: taken.has(request),
        runs: rowsOf(request).map((row) => {
          const told = details.get(row.run_pk)!
          return toClaimed(row, told, RequestSnapshot.forExecutor(JSON.parse(told.snapshot)))
        }),
      }),
    )
})

interface Abandoned {
  readonly request: Request
  readonly taken: ReadonlyArray<Run.ClaimedRun>
}

/** Hands back what was claimed for a caller that is gone; what it no longer holds, or a repeat has given since, is left alone. */
const handBackAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Abandoned>,
  commit: GroupCommit.Commit<SqlError>,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  for (const { request, taken } of requests) {
    for (const { leaseEpoch, leaseExpiresAt, runId } of taken) {
      const row = runs.find({ projectId: request.projectId, runId })
      const fence = { workerId: request.workerId, epoch: leaseEpoch }
      if (row === undefined || Moves.standing(row, fence, runs.now) !== "held") continue
      if (row.lease_expires_at !== leaseExpiresAt?.epochMillis) continue
      const how = { reason: "the claim's caller was gone", delay: 0, counted: false }
      runs.move(Moves.release(row, how, runs.now))
    }
  }
  return requests.map((): Either.Either<void> => Either.void)
})

const accepts =
  ({ projectId, kind, key, agentIds }: Request) =>
  (route: Wakeups.Route): boolean =>
    route.projectId === projectId &&
    (route.implementationKind === null || route.implementationKind === kind) &&
    (route.workerKey === null || route.workerKey === key) &&
    (agentIds.length === 0 || agentIds.some((agentId) => agentId === route.agentId))

/** Who a worker is; that never changes, so it is read once. */
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

  const searches = new WeakMap<GroupCommit.Commit<SqlError>, ClaimSearch.Found>()

  const handBack = writer.operation<Abandoned, void>({
    name: "Claims.handBack",
    load: (requests, commit) =>
      RunBatch.load(
        store,
        commit,
        requests.flatMap(({ request: { projectId }, taken }) =>
          taken.map(({ runId }) => ({ projectId, runId })),
        ),
      ),
    run: (requests, commit) => handBackAll(store, requests, commit),
  })

  const claimNow = writer.operation<Request, Given>({
    name: "Claims.claim",
    load: (requests, commit) =>
      Effect.map(ClaimSearch.search(store, requests), (found) => void searches.set(commit, found)),
    run: (requests, commit) => claimAll(store, requests, commit, searches.get(commit)!),
    // When this fails too, the leases lapse. A run that is given again may have reached its worker by the other answer.
    onAbandoned: (request, { anew, runs }) =>
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
