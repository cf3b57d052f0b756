/**
 * Claims that are sent again with their id: each gets the runs that the id gave and that its worker still holds.
 *
 * Source: docs/decisions/0022-claim-ids.md
 *
 * @since 0.1.0
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Transitions } from "@runlease/core"
import { Effect } from "effect"
import { order, type Request } from "./ClaimRequest.js"
import type * as RunBatch from "./RunBatch.js"
import type { StoredRun } from "../rows/RunCodec.js"
import type { RunRow } from "../rows/RunRow.js"
import type { Candidate, Database } from "../dialect/Dialect.js"

/** The probe of the first request; those of the others go down from there. */
const firstProbe = -2

/** The request whose id gave the candidate, when that is how it was found. */
export const requestOf = (requests: ReadonlyArray<Request>, { probe }: Candidate): Request | undefined =>
  probe <= firstProbe ? requests[firstProbe - probe] : undefined

/** Selects what `others` selects, and what the ids of the requests gave: one more index probe for each. */
export const select = ({ sql }: Database, requests: ReadonlyArray<Request>, others: Fragment): Fragment => {
  const repeats = requests.flatMap(({ claimId, workerId }, index) =>
    claimId === null
      ? []
      : [
          sql`SELECT ${sql.literal(String(firstProbe - index))} AS probe, run_pk FROM runs
            WHERE status = 'running' AND claim_id = ${claimId} AND lease_owner = ${workerId}`,
        ],
  )
  return repeats.length === 0 ? others : sql`${sql.join(" UNION ALL ", false)([others, ...repeats])}`
}

/** The claim of a request, as transitions take it. */
export const claimOf = ({ claimId, lease, workerId }: Request): Transitions.Claim => ({
  workerId,
  claimId,
  leaseMillis: lease,
})

/**
 * Gives the runs of the claim that the request repeats, as far as it still holds them.
 *
 * @since 0.1.0
 * @category repeating
 */
export const claimAgain = (
  runs: RunBatch.RunBatch,
  request: Request,
  given: ReadonlyArray<StoredRun>,
): ReadonlyArray<StoredRun> =>
  given.flatMap((run) => {
    const again = Transitions.claimAgain(run.state, claimOf(request), runs.now)
    return again === undefined ? [] : [runs.apply(run, again)]
  })

/**
 * The runs of each request that repeats a claim, read again and locked. A request without any claims anew.
 *
 * @since 0.1.0
 * @category repeating
 */
export const giveAgain = (
  runs: RunBatch.RunBatch,
  given: ReadonlyMap<Request, ReadonlyArray<Candidate>>,
): Effect.Effect<Map<Request, ReadonlyArray<StoredRun>>, SqlError> => {
  if (given.size === 0) return Effect.succeed(new Map())
  const refOf = ({ project_id, run_id }: RunRow) => ({ projectId: project_id, runId: run_id })
  return Effect.map(runs.load([...given.values()].flat().map(refOf)), () => {
    const repeats = new Map<Request, ReadonlyArray<StoredRun>>()
    for (const [request, candidates] of given) {
      const found = candidates.toSorted(order).flatMap((candidate) => runs.find(refOf(candidate)) ?? [])
      const held = claimAgain(runs, request, found)
      if (held.length > 0) repeats.set(request, held)
    }
    return repeats
  })
}

const nameOf = ({ claimId, workerId }: Request): string => `${workerId} ${claimId}`

/** The requests of one commit that claim anew: those whose id is new, and the others, each with the one it repeats. */
export const separate = (
  requests: ReadonlyArray<Request>,
): { readonly first: ReadonlyArray<Request>; readonly repeats: ReadonlyMap<Request, Request> } => {
  const named = new Map<string, Request>()
  const repeats = new Map<Request, Request>()
  const first = requests.filter((request) => {
    if (request.claimId === null) return true
    const before = named.get(nameOf(request))
    if (before === undefined) named.set(nameOf(request), request)
    else repeats.set(request, before)
    return before === undefined
  })
  return { first, repeats }
}
