/**
 * The search for the runs that the claims of a commit may take: one search for all of them.
 *
 * @since 0.1.0
 */
import { Array, Effect } from "effect"
import * as ClaimRepeats from "./ClaimRepeats.js"
import { type Found, order, type Request } from "./ClaimRequest.js"
import type { Candidate, Database, Probe } from "../dialect/Dialect.js"
import * as DueRuns from "./DueRuns.js"

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
export const search = Effect.fnUntraced(function* (database: Database, requests: ReadonlyArray<Request>) {
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
  const candidates = yield* database.dialect.runnable(
    entries.map(({ probe }) => probe),
    ClaimRepeats.select(database, requests, DueRuns.selectDue(database, yield* database.dialect.instant)),
  )
  for (const candidate of candidates) {
    const repeat = ClaimRepeats.requestOf(requests, candidate)
    if (repeat !== undefined) given.set(repeat, [...(given.get(repeat) ?? []), candidate])
    else if (candidate.probe === DueRuns.dueProbe) due.push(candidate.run_pk)
    else entries[candidate.probe]!.found.push(candidate)
  }
  for (const { found } of entries) found.sort(order)
  const found: Found = { due, runnable, given }
  return found
})
