/**
 * Claims on SQL.
 *
 * A claim looks into the index of runnable runs once for every route that may lead to its worker; claims of one
 * commit share those looks, and take turns at what they find.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import {
  Claims,
  type GroupCommit,
  type Ids,
  type RequestSnapshot,
  type Run,
  Waiting,
  type Wakeups,
  WorkerRegistry,
} from "@runlease/core"
import { Array, Cache, Duration, Effect, Either, Exit } from "effect"
import type { Candidate, Probe } from "./Dialect.js"
import * as Moves from "./Moves.js"
import * as RunBatch from "./RunBatch.js"
import * as RunReads from "./RunReads.js"
import { Gate, toClaimed } from "./RunRow.js"
import type { SqlStore } from "./SqlStore.js"
import * as Sweep from "./Sweep.js"

interface Request {
  readonly projectId: Ids.ProjectId
  readonly workerId: Ids.WorkerId
  readonly kind: string
  readonly key: string
  /** Empty for any. */
  readonly agentIds: ReadonlyArray<Ids.AgentId>
  readonly limit: number
  /** In milliseconds. */
  readonly lease: number
}

const probesOf = ({ projectId, kind, key, agentIds }: Request): ReadonlyArray<Omit<Probe, "wanted">> => {
  const agents = agentIds.length === 0 ? [null] : Array.dedupe(agentIds)
  return agents.flatMap((agentId) => [
    { projectId, kind: null, key: null, agentId },
    { projectId, kind, key: null, agentId },
    { projectId, kind: null, key, agentId },
    { projectId, kind, key, agentId },
  ])
}

/** Best first. */
const order = (a: Candidate, b: Candidate): number => b.priority - a.priority || a.run_pk - b.run_pk

/** What every probe of these requests finds, best first, as many as its requests could take; and what is due. */
const look = Effect.fnUntraced(function* (store: SqlStore, requests: ReadonlyArray<Request>, now: number) {
  const probes = new Map<string, { readonly probe: Probe; readonly found: Array<Candidate> }>()
  const ofRequest = requests.map((request) =>
    probesOf(request).map((probe) => {
      const name = JSON.stringify([probe.projectId, probe.kind, probe.key, probe.agentId])
      const before = probes.get(name)
      const found = before?.found ?? []
      const wanted = (before?.probe.wanted ?? 0) + request.limit
      probes.set(name, { probe: { ...probe, wanted }, found })
      return found
    }),
  )
  const entries = Array.fromIterable(probes.values())
  const due: Array<number> = []
  const candidates = yield* store.dialect.runnable(
    entries.map(({ probe }) => probe),
    Sweep.selectDue(store, now),
  )
  for (const candidate of candidates) {
    if (candidate.probe === Sweep.dueProbe) due.push(candidate.run_pk)
    else entries[candidate.probe]!.found.push(candidate)
  }
  for (const { found } of entries) found.sort(order)
  return { due, ofRequest }
})

interface Dealt {
  readonly request: Request
  readonly found: Candidate
}

/** Deals the candidates out: each request in turn gets the best that is left for it. */
const deal = (
  requests: ReadonlyArray<Request>,
  candidates: ReadonlyArray<ReadonlyArray<ReadonlyArray<Candidate>>>,
): ReadonlyMap<number, Dealt> => {
  const dealt = new Map<number, Dealt>()
  const hands = requests.map((request, index) => ({
    request,
    lists: candidates[index]!.map((list) => ({ list, next: 0 })),
    left: request.limit,
  }))
  const best = (lists: (typeof hands)[number]["lists"]): Candidate | undefined => {
    let first: Candidate | undefined
    for (const list of lists) {
      while (list.next < list.list.length && dealt.has(list.list[list.next]!.run_pk)) list.next += 1
      const candidate = list.list[list.next]
      if (candidate !== undefined && (first === undefined || order(candidate, first) < 0)) first = candidate
    }
    return first
  }
  let playing = hands
  while (playing.length > 0) {
    playing = playing.filter((hand) => {
      const found = hand.left > 0 ? best(hand.lists) : undefined
      if (found === undefined) return false
      dealt.set(found.run_pk, { request: hand.request, found })
      hand.left -= 1
      return true
    })
  }
  return dealt
}

/** A run as it was claimed, so that it can be handed back when nobody got it. */
type Taken = ReadonlyArray<Run.ClaimedRun>

const claimAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  commit: GroupCommit.Commit<SqlError>,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  // Else a run that this commit has cancelled would be found in the place of one that may be claimed.
  yield* runs.flushTaken
  const found = yield* look(store, requests, runs.now)
  // What was due goes by its age and priority too.
  const { ofRequest } =
    (yield* Sweep.moveDue(runs, found.due)) > 0 ? yield* look(store, requests, runs.now) : found
  const dealt = deal(requests, ofRequest)
  const details = yield* RunReads.readDetails(
    store,
    Array.fromIterable(dealt.keys()),
    // A session is recorded by a holder, so a run that was never claimed has none.
    {
      more: "snapshot",
      sessions: Array.fromIterable(dealt.values()).some(({ found }) => found.lease_epoch > 0),
    },
  )
  const taken = new Map<Request, Array<Run.ClaimedRun>>(requests.map((request) => [request, []]))
  // In the order dealt, which is each request's own order of preference.
  for (const { found, request } of dealt.values()) {
    const row = runs.know(found)
    if (row.status !== "pending" || row.gate !== Gate.runnable) continue
    const claimed = runs.move(
      Moves.claim(row, { workerId: request.workerId, expiresAt: runs.now + request.lease }, runs.now),
    )
    const told = details.get(row.run_pk)!
    const snapshot = JSON.parse(told.snapshot) as RequestSnapshot.RequestSnapshot
    taken.get(request)!.push(toClaimed(claimed, told, snapshot))
  }
  return requests.map((request): Either.Either<Taken> => Either.right(taken.get(request)!))
})

/** Hands back what was claimed for a caller that is gone; what it no longer holds is left alone. */
const handBackAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<{ readonly request: Request; readonly taken: Taken }>,
  commit: GroupCommit.Commit<SqlError>,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  const given = requests.flatMap(({ request, taken }) =>
    taken.map(({ runId, leaseEpoch }) => ({
      ref: { projectId: request.projectId, runId },
      fence: { workerId: request.workerId, epoch: leaseEpoch },
    })),
  )
  yield* runs.load(given.map(({ ref }) => ref))
  for (const { ref, fence } of given) {
    const row = runs.find(ref)
    if (row !== undefined && Moves.standing(row, fence, runs.now) === "held") {
      runs.move(
        Moves.release(row, { reason: "the claim's caller was gone", delay: 0, counted: false }, runs.now),
      )
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

  const handBack = writer.operation<{ readonly request: Request; readonly taken: Taken }, void>({
    name: "Claims.handBack",
    run: (requests, commit) => handBackAll(store, requests, commit),
  })

  const claimNow = writer.operation<Request, Taken>({
    name: "Claims.claim",
    run: (requests, commit): Effect.Effect<ReadonlyArray<Either.Either<Taken>>, SqlError> =>
      claimAll(store, requests, commit),
    // When this fails too, the leases lapse.
    onAbandoned: (request, taken) =>
      taken.length === 0 ? Effect.void : Effect.ignoreLogged(handBack({ request, taken })),
  })

  return (projectId: Ids.ProjectId): Claims.Claims["Type"] => ({
    claim: Effect.fnUntraced(function* (request) {
      const { workerId } = request
      const worker = yield* workers.get(workerId)
      if (worker.project_id !== projectId) return yield* new WorkerRegistry.WorkerNotFound({ workerId })
      const asked: Request = {
        projectId,
        workerId,
        kind: worker.kind,
        key: worker.key,
        agentIds: request.agentIds ?? [],
        limit: request.limit,
        lease: Duration.toMillis(request.leaseDuration),
      }
      return yield* Waiting.claimWithin({
        claimNow: claimNow(asked),
        wait: request.wait ?? Duration.zero,
        waiter: wakeups.runnableWaiter(accepts(asked)),
      })
    }),
  })
})
