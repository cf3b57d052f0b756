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
import { Array, Cache, Duration, Effect, Either, Exit, Iterable } from "effect"
import type { Candidate, Probe } from "./Dialect.js"
import * as Moves from "./Moves.js"
import * as RunBatch from "./RunBatch.js"
import * as RunReads from "./RunReads.js"
import { type RunRow, toClaimed } from "./RunRow.js"
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
const look = Effect.fnUntraced(function* (store: SqlStore, requests: ReadonlyArray<Request>) {
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
    Sweep.selectDue(store, yield* store.dialect.instant),
  )
  for (const candidate of candidates) {
    if (candidate.probe === Sweep.dueProbe) due.push(candidate.run_pk)
    else entries[candidate.probe]!.found.push(candidate)
  }
  for (const { found } of entries) found.sort(order)
  return { due, ofRequest }
})

type Details = Effect.Effect.Success<ReturnType<typeof RunReads.readDetails<"snapshot">>>

type Found = Effect.Effect.Success<ReturnType<typeof look>>

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

const refOf = ({ project_id, run_id }: Candidate): RunReads.RunRef => ({
  projectId: project_id,
  runId: run_id,
})

/** Whether this commit has meanwhile changed a run that was found runnable, so that it may hide one that still is. */
const isStale = (runs: RunBatch.RunBatch, dealt: ReadonlyMap<number, Dealt>): boolean =>
  Iterable.some(dealt.values(), ({ found }) => {
    const row = runs.find(refOf(found))
    return row !== undefined && !RunBatch.isRunnable(row)
  })

const claimAll = Effect.fnUntraced(function* (
  store: SqlStore,
  requests: ReadonlyArray<Request>,
  commit: GroupCommit.Commit<SqlError>,
  found: Found,
) {
  const runs = yield* RunBatch.ofCommit(store, commit)
  let dealt = deal(requests, found.ofRequest)
  if (found.due.length > 0 || isStale(runs, dealt)) {
    // What was due, and may be runnable by now, goes by its age and priority too.
    yield* Sweep.moveDue(runs, found.due)
    yield* runs.flush
    dealt = deal(requests, (yield* look(store, requests)).ofRequest)
  }
  const keys = Array.fromIterable(dealt.keys())
  // A session is recorded by a holder, so a run that was never claimed has none.
  const sessions = Iterable.some(dealt.values(), ({ found }) => found.lease_epoch > 0)
  const taken = new Map<Request, Array<RunRow>>(requests.map((request) => [request, []]))
  // In the order dealt, which is each request's own order of preference.
  for (const { found, request } of dealt.values()) {
    const row = runs.know(found)
    if (!RunBatch.isRunnable(row)) continue
    taken
      .get(request)!
      .push(
        runs.move(
          Moves.claim(row, { workerId: request.workerId, expiresAt: runs.now + request.lease }, runs.now),
        ),
      )
  }
  let details: Details = new Map()
  if (keys.length > 0) {
    runs.alongside(
      Effect.map(RunReads.readDetails(store, keys, { more: "snapshot", sessions }), (read) => {
        details = read
      }),
    )
  }
  return () =>
    requests.map((request): Either.Either<Taken> =>
      Either.right(
        taken.get(request)!.map((row) => {
          const told = details.get(row.run_pk)!
          return toClaimed(row, told, JSON.parse(told.snapshot) as RequestSnapshot.RequestSnapshot)
        }),
      ),
    )
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

  const looks = new WeakMap<GroupCommit.Commit<SqlError>, Found>()

  const handBack = writer.operation<{ readonly request: Request; readonly taken: Taken }, void>({
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

  const claimNow = writer.operation<Request, Taken>({
    name: "Claims.claim",
    load: (requests, commit) => Effect.map(look(store, requests), (found) => void looks.set(commit, found)),
    run: (requests, commit) => claimAll(store, requests, commit, looks.get(commit)!),
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
