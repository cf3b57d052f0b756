/**
 * Which of the claims of a commit gets which run.
 *
 * @since 0.1.0
 */
import { type Found, order, type Request } from "./ClaimRequest.js"
import type { Candidate } from "../dialect/Dialect.js"

export interface Assignment {
  readonly request: Request
  readonly candidate: Candidate
}

/**
 * Assigns the candidates: each request in turn gets the best that is left for it.
 *
 * @since 0.1.0
 * @category assigning
 */
export const assign = (
  requests: ReadonlyArray<Request>,
  { runnable }: Found,
): ReadonlyMap<number, Assignment> => {
  const assigned = new Map<number, Assignment>()
  const best = (lists: ReadonlyArray<{ readonly list: ReadonlyArray<Candidate>; next: number }>) => {
    let first: Candidate | undefined
    for (const list of lists) {
      while (list.next < list.list.length && assigned.has(list.list[list.next]!.run_pk)) list.next += 1
      const candidate = list.list[list.next]
      if (candidate !== undefined && (first === undefined || order(candidate, first) < 0)) first = candidate
    }
    return first
  }
  let active = requests.map((request) => ({
    request,
    lists: runnable.get(request)!.map((list) => ({ list, next: 0 })),
    left: request.limit,
  }))
  while (active.length > 0) {
    active = active.filter((turn) => {
      const candidate = turn.left > 0 ? best(turn.lists) : undefined
      if (candidate === undefined) return false
      assigned.set(candidate.run_pk, { request: turn.request, candidate })
      turn.left -= 1
      return true
    })
  }
  return assigned
}
