/**
 * What the claims of a commit may take: one search of the database for all of them.
 *
 * @since 0.1.0
 */
import { Array, Effect } from "effect"
import * as ClaimRepeats from "./ClaimRepeats.js"
import { order, type Request } from "./ClaimRequest.js"
import type { Candidate, Probe } from "../dialect/Dialect.js"
import type { SqlStore } from "./SqlStore.js"
import * as Sweep from "./Sweep.js"

/** What a search finds. */
export interface Found {
  /** Leases that have lapsed, waits that have expired and delays that are over. */
  readonly due: ReadonlyArray<number>
  /** For each request, the runs that its probes find, best first: as many as all requests of a probe could take. */
  readonly runnable: ReadonlyMap<Request, ReadonlyArray<ReadonlyArray<Candidate>>>
  /** For each request that repeats a claim, the runs that the claim gave. */
  readonly given: ReadonlyMap<Request, ReadonlyArray<Candidate>>
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

/**
 * @since 0.1.0
 * @category searching
 */
export const search = Effect.fnUntraced(function* (store: SqlStore, requests: ReadonlyArray<Request>) {
  const probes = new Map<string, { readonly probe: Probe; readonly found: Array<Candidate> }>()
  const runnable = new Map(
    requests.map((request) => [
      request,
      probesOf(request).map((probe) => {
        const name = JSON.stringify([probe.projectId, probe.kind, probe.key, probe.agentId])
        const before = probes.get(name)
        const found = before?.found ?? []
        const wanted = (before?.probe.wanted ?? 0) + request.limit
        probes.set(name, { probe: { ...probe, wanted }, found })
        return found
      }),
    ]),
  )
  const entries = Array.fromIterable(probes.values())
  const due: Array<number> = []
  const given = new Map<Request, Array<Candidate>>()
  const candidates = yield* store.dialect.runnable(
    entries.map(({ probe }) => probe),
    ClaimRepeats.select(store, requests, Sweep.selectDue(store, yield* store.dialect.instant)),
  )
  for (const candidate of candidates) {
    const repeat = ClaimRepeats.requestOf(requests, candidate)
    if (repeat !== undefined) given.set(repeat, [...(given.get(repeat) ?? []), candidate])
    else if (candidate.probe === Sweep.dueProbe) due.push(candidate.run_pk)
    else entries[candidate.probe]!.found.push(candidate)
  }
  for (const { found } of entries) found.sort(order)
  const found: Found = { due, runnable, given }
  return found
})
