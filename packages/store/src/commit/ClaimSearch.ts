/** What the claims of a commit look for: one search for all of them, and who gets what it finds. */
import type { ClaimRequest } from "@runlease/core/Claims"
import type * as Ids from "@runlease/core/Ids"
import { Array, Duration } from "effect"
import type { Claim } from "../rules/RunTransitions.js"
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

/** The search of a commit without claims. */
export const nothing: Search = { probes: [], claims: [] }

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
  version: worker.version,
  claimId: claimId ?? null,
  leaseMillis: Duration.toMillis(leaseDuration),
  agentIds,
  limit,
  ahead: Math.min(ahead, limit),
})

/** The part of a claim that may wait until a run is runnable: its worker has a free slot for each run. */
export const waiting = (request: Request): Request => ({
  ...request,
  limit: request.limit - request.ahead,
  ahead: 0,
})

/** Whether a claim may take runs of this route. */
export const accepts = ({ agentIds, worker }: Request, route: Route): boolean =>
  route.projectId === worker.projectId &&
  (route.implementationKind === null || route.implementationKind === worker.implementationKind) &&
  (route.workerKey === null || route.workerKey === worker.workerKey) &&
  (route.version === null || route.version === worker.version) &&
  (agentIds.length === 0 || agentIds.some((agentId) => agentId === route.agentId))

/** Claims with one of these names may take the same runs, but those that are for the key of one worker. */
export const kindOf = ({ agentIds, worker }: Request): string =>
  JSON.stringify([worker.projectId, worker.implementationKind, worker.version, agentIds])

/** Every route that leads to the worker of a claim. Where no run is pinned, none names a version. */
const probesOf = ({ agentIds, limit, worker }: Request, pinned: boolean): ReadonlyArray<Probe> => {
  const { implementationKind, projectId, workerKey } = worker
  const probes: Array<Probe> = []
  for (const agentId of agentIds.length === 0 ? [null] : Array.dedupe(agentIds)) {
    for (const version of pinned ? [null, worker.version] : [null]) {
      const ofVersion = { projectId, agentId, version, wanted: limit }
      probes.push(
        { ...ofVersion, implementationKind: null, workerKey: null },
        { ...ofVersion, implementationKind, workerKey: null },
        { ...ofVersion, implementationKind: null, workerKey },
        { ...ofVersion, implementationKind, workerKey },
      )
    }
  }
  return probes
}

/** No name is empty. */
const nameOf = ({ agentId, implementationKind, projectId, version, workerKey }: Probe): string =>
  `${projectId}\u0000${implementationKind ?? ""}\u0000${workerKey ?? ""}\u0000${agentId ?? ""}${version === null ? "" : `\u0000${version}`}`

/** The search of some claims, and what it found for each of them. */
export interface Plan {
  readonly search: Search
  /** The runs that a claim may take, in lists that are ordered. */
  readonly runnable: (request: Request, found: Found) => ReadonlyArray<ReadonlyArray<StoredRun>>
  /** The claims that repeat another, each with the runs that may name it. */
  readonly claimedBefore: (found: Found) => ReadonlyMap<Request, ReadonlyArray<RunRef>>
}

/** Claims that look for the same runs share a probe, which wants as many as all of them together. `pinned`: some run may be. */
export const plan = (requests: ReadonlyArray<Request>, pinned: boolean): Plan => {
  const probes: Array<Probe> = []
  const indexes = new Map<string, number>()
  const places = new Map<Request, Array<number>>()
  const repeats: Array<Request> = []
  const claims: Array<Search["claims"][number]> = []
  for (const request of requests) {
    const { claimId, limit, workerId } = request
    const own: Array<number> = []
    places.set(request, own)
    if (claimId !== null) {
      repeats.push(request)
      claims.push({ workerId, claimId })
    }
    if (limit === 0) continue
    for (const probe of probesOf(request, pinned)) {
      const name = nameOf(probe)
      const index = indexes.get(name)
      if (index === undefined) {
        indexes.set(name, probes.length)
        own.push(probes.push(probe) - 1)
      } else {
        probes[index] = { ...probe, wanted: probes[index]!.wanted + probe.wanted }
        own.push(index)
      }
    }
  }
  return {
    search: { probes, claims },
    runnable: (request, found) => places.get(request)!.map((index) => found.runnable[index]!),
    claimedBefore: (found) => {
      const claimedBefore = new Map<Request, ReadonlyArray<RunRef>>()
      for (const [index, request] of repeats.entries()) {
        const refs = found.claimedBefore[index]!
        if (refs.length > 0) claimedBefore.set(request, refs)
      }
      return claimedBefore
    },
  }
}

/** A run that a claim gets, as it was found. */
export interface Assignment {
  readonly request: Request
  readonly run: StoredRun
}

/**
 * A claim that takes runs in turn with others: the lists of what it may take, and how many it still wants, of which `ahead` are to wait at its
 * worker.
 */
interface Claimant {
  readonly request: Request
  readonly lists: ReadonlyArray<{ readonly runs: ReadonlyArray<StoredRun>; next: number }>
  now: number
  ahead: number
}

/** Whether no other run takes turns with this one, at its limit or in a lane that its submission names. */
const mayWaitAtWorker = ({ state: { limits, spec } }: StoredRun): boolean =>
  limits === null && (spec.lane === null || spec.lane === spec.conversationId)

/**
 * Assigns runs to claims: each claim in turn gets the best run that is left for it. Those that wait at their worker are assigned last, and
 * none of a lane that its submission names, or of a limit, is among them: others take turns with it, and would wait too.
 */
export const assign = (
  requests: ReadonlyArray<Request>,
  runnableOf: (request: Request) => ReadonlyArray<ReadonlyArray<StoredRun>>,
): ReadonlyArray<Assignment> => {
  const assigned: Array<Assignment> = []
  const assignedKeys = new Set<number>()
  const best = ({ lists }: Claimant, ahead: boolean): StoredRun | undefined => {
    const isOpen = (run: StoredRun): boolean => !assignedKeys.has(run.key) && (!ahead || mayWaitAtWorker(run))
    let first: StoredRun | undefined
    for (const list of lists) {
      while (list.next < list.runs.length && !isOpen(list.runs[list.next]!)) list.next += 1
      const run = list.runs[list.next]
      if (run !== undefined && (first === undefined || byPreference(run, first) < 0)) first = run
    }
    return first
  }
  const claimants: Array<Claimant> = []
  for (const request of requests) {
    const lists: Array<Claimant["lists"][number]> = []
    for (const runs of runnableOf(request)) lists.push({ runs, next: 0 })
    claimants.push({ request, lists, now: request.limit - request.ahead, ahead: request.ahead })
  }
  for (const phase of ["now", "ahead"] as const) {
    let active = claimants
    while (active.length > 0) {
      const further: Array<Claimant> = []
      for (const claimant of active) {
        const run = claimant[phase] > 0 ? best(claimant, phase === "ahead") : undefined
        if (run === undefined) continue
        assignedKeys.add(run.key)
        assigned.push({ request: claimant.request, run })
        claimant[phase] -= 1
        further.push(claimant)
      }
      active = further
    }
  }
  return assigned
}
