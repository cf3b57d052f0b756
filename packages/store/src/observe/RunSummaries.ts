/** Rows of runs as summaries: with their claims, and the names of those who made them. */
import { exhaustedCode } from "@runlease/core/ControlEvents"
import type * as Ids from "@runlease/core/Ids"
import { reportedOf } from "@runlease/core/LogState"
import { isTerminal } from "@runlease/core/Run"
import type { ClaimEnd, ClaimRecord, RunSummary } from "@runlease/core/Summaries"
import { DateTime, Effect } from "effect"
import { instantOrNull, type RunState } from "../rules/RunState.js"
import type { StoredRun } from "../rows/RunRows.js"
import type { ClaimRow, SummaryRow, SummaryRows } from "../rows/SummaryRows.js"

/** The most claims of a summary. */
const maxClaims = 50

const instant = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

/** Whether the run has failed since it had no attempts left. */
export const isExhausted = ({ error, status }: RunState): boolean =>
  status === "failed" && error?.code === exhaustedCode

/** How the claim ended that a run has ended with; null while it holds the run. */
const endOf = (state: RunState, expiresAt: number): ClaimEnd | null => {
  const { finishedAt, status } = state
  if (!isTerminal(status)) return null
  // Its holder may have handed back the last attempt.
  return isExhausted(state) && finishedAt !== null && expiresAt <= finishedAt ? "lease_expired" : status
}

/** The claim that holds a run, or that it has ended with. */
export const lastClaim = ({ key, state }: StoredRun): ClaimRow | undefined => {
  const { attempt, finishedAt, holder, leaseEpoch } = state
  if (holder === null) return undefined
  return {
    ...holder,
    key,
    epoch: leaseEpoch,
    attempt,
    endedAt: finishedAt,
    ended: endOf(state, holder.expiresAt),
  }
}

/** The names of those who made these claims. */
export const namesOf = <X>(
  rows: SummaryRows<X>,
  claims: ReadonlyArray<ClaimRow>,
): Effect.Effect<ReadonlyMap<Ids.WorkerId, string>, X> => {
  const ids = Array.from(new Set(claims.map(({ workerId }) => workerId)))
  return ids.length === 0 ? Effect.succeed(new Map()) : rows.workerNames(ids)
}

export const toRecord = (claim: ClaimRow, names: ReadonlyMap<Ids.WorkerId, string>): ClaimRecord => ({
  epoch: claim.epoch,
  attempt: claim.attempt,
  workerId: claim.workerId,
  workerName: names.get(claim.workerId) ?? claim.workerId,
  claimedAt: instant(claim.claimedAt),
  renewals: claim.renewals,
  renewedAt: instant(claim.renewedAt),
  longestGap: claim.longestGap,
  expiresAt: instantOrNull(claim.expiresAt),
  endedAt: instantOrNull(claim.endedAt),
  ended: claim.ended,
})

const toSummary = (
  { labels, parentRunId, rootRunId, state, title }: SummaryRow,
  claims: ReadonlyArray<ClaimRecord>,
): RunSummary => {
  const { spec } = state
  return {
    runId: spec.runId,
    title,
    status: state.status,
    agentId: spec.agentId,
    conversationId: spec.conversationId,
    parentRunId,
    rootRunId,
    priority: spec.priority,
    attempt: state.attempt,
    maxAttempts: spec.maxAttempts,
    waiting: state.waiting,
    error: state.error,
    labels,
    ...reportedOf(state.log),
    children: state.children?.count ?? 0,
    claims,
    latestEventId: state.latestEventId,
    createdAt: instant(spec.createdAt),
    updatedAt: instant(state.updatedAt),
    availableAt: instant(state.availableAt),
    startedAt: instantOrNull(state.startedAt),
    finishedAt: instantOrNull(state.finishedAt),
  }
}

/** The claims of a run before its last one, as far as a summary has them. Most runs have one claim, and need no read for it. */
const earlierClaims = ({ key, state: { holder, leaseEpoch } }: SummaryRow) => {
  const last = holder === null ? leaseEpoch : leaseEpoch - 1
  return last === 0 ? [] : [{ key, first: leaseEpoch - maxClaims + 1, last }]
}

/** The summaries of runs, in their order. Reads the claims of all of them at once, and then the names of their workers. */
export const ofRows = <X>(
  rows: SummaryRows<X>,
  runs: ReadonlyArray<SummaryRow>,
): Effect.Effect<ReadonlyArray<RunSummary>, X> =>
  Effect.gen(function* () {
    const ranges = runs.flatMap(earlierClaims)
    const earlier = ranges.length === 0 ? [] : yield* rows.claims(ranges)
    const claims = [...earlier, ...runs.flatMap((run) => lastClaim(run) ?? [])]
    const names = yield* namesOf(rows, claims)
    const byRun = new Map(runs.map(({ key }) => [key, new Array<ClaimRow>()]))
    for (const claim of claims) byRun.get(claim.key)?.push(claim)
    return runs.map((run) =>
      toSummary(
        run,
        byRun
          .get(run.key)!
          .toSorted((a, b) => a.epoch - b.epoch)
          .map((claim) => toRecord(claim, names)),
      ),
    )
  })
