/** Claims in the model: the runs that a claim takes, alone or in one commit with other claims. */
import * as ModelLimits from "./ModelLimits.js"
import * as ModelLog from "./ModelLog.js"
import { sweepAll } from "./ModelFamilies.js"
import { isRunnable, replaceRun, type Run, type State } from "./ModelState.js"
import * as Observation from "./Observation.js"
import type { Request } from "./Request.js"

export type Claim = Extract<Request, { _tag: "Claim" }>

/** The runs that a claim may take, in the order in which it takes them. */
const runnable = (state: State): ReadonlyArray<Run> =>
  state.runs.filter((run) => isRunnable(state, run)).sort((a, b) => b.priority - a.priority)

const startAttempt = (state: State, run: Run, { lease, worker }: Claim): Run => {
  const attempt = run.attempt + 1
  return {
    ...run,
    status: "running",
    attempt,
    epoch: run.epoch + 1,
    lease: { worker, until: state.now + lease },
    startBy: null,
    claimedAt: state.now,
    past: null,
    log: ModelLog.claim(run.log, run.past, { attempt, worker }),
  }
}

const formatClaims = (claimed: ReadonlyArray<Run>): string =>
  claimed.length === 0 ? "nothing" : claimed.map(formatClaim).join("; ")

export const claim = (state: State, request: Claim): readonly [State, string] => {
  const swept = sweepAll(state)
  const claimed = ModelLimits.startable(swept, runnable(swept), request.limit).map((run) =>
    startAttempt(swept, run, request),
  )
  return [claimed.reduce(replaceRun, swept), formatClaims(claimed)]
}

/**
 * Claims that a store answers together. They share the best runs for their limits together, as their verdicts say,
 * and none gets more than its own limit. No verdicts are returned when the shares do not add up, or when a limit does not allow them.
 *
 * A commit may hand its runs to claims that wait, which look at nothing that is due then: `handed`.
 */
export const claimTogether = (
  state: State,
  claims: ReadonlyArray<{ readonly request: Claim; readonly granted: ReadonlyArray<number> }>,
  handed = false,
): readonly [State, ReadonlyArray<string>] => {
  const swept = handed ? state : sweepAll(state)
  const limit = claims.reduce((sum, { request }) => sum + request.limit, 0)
  const all = runnable(swept)
  const found = claims.map(({ granted, request }) => {
    const share = granted.flatMap((number) => all.find(({ run }) => run === number) ?? [])
    // A claim that searches again, since a limit is full, returns runs in the order in which it found them.
    const inOrder = share.some((run) => run.limit !== null) ? share : all.filter((run) => share.includes(run))
    return inOrder.slice(0, request.limit)
  })
  const shares = claims.map(({ request }, index) =>
    found[index]!.map((run) => startAttempt(swept, run, request)),
  )
  const claimed = shares.flat()
  return ModelLimits.isAllowed(swept, all, found.flat(), limit)
    ? [claimed.reduce(replaceRun, swept), shares.map(formatClaims)]
    : [state, []]
}

const formatClaim = (run: Run): string =>
  Observation.formatClaim({
    run: run.run,
    attempt: run.attempt,
    epoch: run.epoch,
    event: run.log.entries.length,
    sequence: run.log.sequence,
    until: run.lease?.until ?? 0,
  })
