/**
 * What the claims of a commit look for: one search for all of them, and who gets what it finds.
 *
 * @since 0.1.0
 */
import { Array, Duration } from "effect"
import type * as Ids from "../../model/Ids.js"
import type { ClaimRequest } from "../../ports/Claims.js"
import type { Claim } from "../../rules/RunTransitions.js"
import {
  byPreference,
  type Found,
  type Probe,
  type Route,
  type RunRef,
  type Search,
  type StoredRun,
  type WorkerIdentity,
} from "../rows/RunRows.js"

/** A claim of a worker, as a commit takes it. */
export interface Request extends Claim {
  readonly worker: WorkerIdentity
  /** Empty for any. */
  readonly agentIds: ReadonlyArray<Ids.AgentId>
  readonly limit: number
  /** How many of these wait at the worker. */
  readonly ahead: number
}

export const request = (
  worker: WorkerIdentity,
  { agentIds = [], ahead = 0, claimId, leaseDuration, limit, workerId }: ClaimRequest,
): Request => ({
  worker,
  workerId,
  claimId: claimId ?? null,
  leaseMillis: Duration.toMillis(leaseDuration),
  agentIds,
  limit,
  ahead: Math.min(ahead, limit),
})

/** The part of a claim that may wait until a run is runnable: its worker has a free slot for each run. */
export const waiting = (request: Request): Request =>
  request.ahead === 0 ? request : { ...request, limit: request.limit - request.ahead, ahead: 0 }

/** Whether a claim may take runs of this route. */
export const accepts =
  ({ agentIds, worker }: Request) =>
  (route: Route): boolean =>
    route.projectId === worker.projectId &&
    (route.implementationKind === null || route.implementationKind === worker.implementationKind) &&
    (route.workerKey === null || route.workerKey === worker.workerKey) &&
    (agentIds.length === 0 || agentIds.some((agentId) => agentId === route.agentId))

/** Every route that leads to the worker of a claim that takes runs. */
const probesOf = ({ agentIds, limit, worker }: Request): ReadonlyArray<Probe> => {
  if (limit === 0) return []
  const { implementationKind, projectId, workerKey } = worker
  const agents = agentIds.length === 0 ? [null] : Array.dedupe(agentIds)
  return agents.flatMap((agentId) => [
    { projectId, implementationKind: null, workerKey: null, agentId, wanted: limit },
    { projectId, implementationKind, workerKey: null, agentId, wanted: limit },
    { projectId, implementationKind: null, workerKey, agentId, wanted: limit },
    { projectId, implementationKind, workerKey, agentId, wanted: limit },
  ])
}

const part = (value: string | null): string => (value === null ? "" : `=${value}`)

const nameOf = ({ agentId, implementationKind, projectId, workerKey }: Probe): string =>
  [projectId, part(implementationKind), part(workerKey), part(agentId)].join("\u0000")

/** The search of some claims, and what it found for each of them. */
export interface Plan {
  readonly search: Search
  /** The runs that a claim may take, in lists that are ordered. */
  readonly runnable: (request: Request, found: Found) => ReadonlyArray<ReadonlyArray<StoredRun>>
  /** The claims that repeat another, each with the runs that may name it. */
  readonly given: (found: Found) => ReadonlyMap<Request, ReadonlyArray<RunRef>>
}

/**
 * Claims that look for the same runs share a probe, which wants as many as all of them together.
 *
 * @since 0.1.0
 * @category searching
 */
export const plan = (requests: ReadonlyArray<Request>): Plan => {
  const probes: Array<Probe> = []
  const indexes = new Map<string, number>()
  const places = new Map<Request, ReadonlyArray<number>>()
  for (const request of requests) {
    const own = probesOf(request).map((probe) => {
      const name = nameOf(probe)
      const index = indexes.get(name)
      if (index === undefined) {
        indexes.set(name, probes.length)
        return probes.push(probe) - 1
      }
      probes[index] = { ...probe, wanted: probes[index]!.wanted + probe.wanted }
      return index
    })
    places.set(request, own)
  }
  const repeats = requests.flatMap((request) =>
    request.claimId === null
      ? []
      : [{ request, claim: { workerId: request.workerId, claimId: request.claimId } }],
  )
  return {
    search: { probes, claims: repeats.map(({ claim }) => claim) },
    runnable: (request, found) => places.get(request)!.map((index) => found.runnable[index]!),
    given: (found) =>
      new Map(
        repeats.flatMap(({ request }, index) => {
          const given = found.given[index]!
          return given.length === 0 ? [] : [[request, given] as const]
        }),
      ),
  }
}

/** A run that a claim gets, as it was found. */
export interface Assignment {
  readonly request: Request
  readonly run: StoredRun
}

/** A claim that takes runs in turn with others, and the lists of what it may take. */
interface Taker {
  readonly request: Request
  readonly lists: ReadonlyArray<{ readonly runs: ReadonlyArray<StoredRun>; next: number }>
}

/**
 * Assigns runs to claims: each claim in turn gets the best run that is left for it. Those that wait at their worker are assigned last, and
 * none of a lane that its submission names, or of a limit, is among them: others take turns with it, and would wait too.
 *
 * @since 0.1.0
 * @category assigning
 */
export const assign = (
  requests: ReadonlyArray<Request>,
  runnableOf: (request: Request) => ReadonlyArray<ReadonlyArray<StoredRun>>,
): ReadonlyArray<Assignment> => {
  const assigned: Array<Assignment> = []
  const taken = new Set<number>()
  const best = ({ lists }: Taker, accepts: (run: StoredRun) => boolean) => {
    const isLeft = (run: StoredRun): boolean => !taken.has(run.key) && accepts(run)
    let first: StoredRun | undefined
    for (const list of lists) {
      while (list.next < list.runs.length && !isLeft(list.runs[list.next]!)) list.next += 1
      const run = list.runs[list.next]
      if (run !== undefined && (first === undefined || byPreference(run, first) < 0)) first = run
    }
    return first
  }
  const takers = requests.map((request) => ({
    request,
    lists: runnableOf(request).map((runs) => ({ runs, next: 0 })),
  }))
  const inTurn = (wanted: (request: Request) => number, accepts: (run: StoredRun) => boolean) => {
    let active = takers.map((taker) => ({ taker, left: wanted(taker.request) }))
    while (active.length > 0) {
      active = active.filter((turn) => {
        const run = turn.left > 0 ? best(turn.taker, accepts) : undefined
        if (run === undefined) return false
        taken.add(run.key)
        assigned.push({ request: turn.taker.request, run })
        turn.left -= 1
        return true
      })
    }
  }
  inTurn(
    ({ ahead, limit }) => limit - ahead,
    () => true,
  )
  inTurn(
    ({ ahead }) => ahead,
    ({ state: { limits, spec } }) =>
      limits === null && (spec.lane === null || spec.lane === spec.conversationId),
  )
  return assigned
}
