/** The rules of the model for budgets, children, waits, limits and claims. */
import { isTerminal } from "@runlease/core/Run"
import * as ModelLog from "./ModelLog.js"
import {
  end,
  find,
  isRunnable,
  replaceRun,
  resumeRun,
  type Run,
  type State,
  sweep,
  withoutWait,
} from "./ModelState.js"
import * as Observation from "./Observation.js"
import type { Calls, Request } from "./Request.js"

/** How many tokens each report of a history has. */
export const tokensOfReport = 10

const isSpent = ({ ledger }: Run): boolean => ledger !== null && ledger.spent >= ledger.limit

/** Whether the run waits for an answer about its budget. */
export const isAsking = ({ waiting }: Run): boolean => waiting[0]?.call.startsWith("budget-") === true

/** Whether a run that begins to wait is to request a higher budget instead. */
const mustAsk = isSpent

/** A root that requests a higher budget. */
const requestMore = (run: Run): Run => ({
  ...withoutWait(run),
  status: "waiting",
  waiting: [{ call: `budget-${run.log.entries.length}`, until: null }],
  log: ModelLog.suspend(run.log),
})

/** The state after a run has reported its usage. A root that waits for no person requests more once its budget is spent. */
export const charge = (state: State, run: Run, tokens: number): State => {
  const root = run.budgetRoot === null ? undefined : find(state, run.budgetRoot)
  if (root === undefined || root.ledger === null || tokens === 0) return state
  const charged = { ...root, ledger: { ...root.ledger, spent: root.ledger.spent + tokens } }
  const isRequesting = charged.status === "waiting" && charged.waiting.length === 0 && isSpent(charged)
  return replaceRun(state, isRequesting ? requestMore(charged) : charged)
}

/** The state after a run has begun to wait for its budget. */
export const awaitBudget = (state: State, run: Run): State => {
  const root = run.budgetRoot === null ? undefined : find(state, run.budgetRoot)
  if (root === undefined || root.ledger === null || !run.awaitsBudget) return state
  if (!isSpent(root)) return replaceRun(state, resumeRun(state, run))
  const waiting = [...root.ledger.waiting.filter((each) => each !== run.run), run.run]
  return replaceRun(state, { ...root, ledger: { ...root.ledger, waiting } })
}

/** An answer with a higher budget lets the root go on, and the runs that wait for it. */
export const raise = (
  state: State,
  request: Extract<Request, { _tag: "Raise" }>,
): readonly [State, string] => {
  const root = find(state, request.run)
  if (root === undefined) return [state, "RunNotFound"]
  if (root.ledger === null || root.waiting[0]?.call !== request.call) {
    return [state, root.answers[request.call] === request.tokens ? "Duplicate" : "NotWaiting"]
  }
  const { ledger } = root
  const after: Run = {
    ...resumeRun(state, root),
    log: ModelLog.answer(root.log),
    answers: { ...root.answers, [request.call]: request.tokens },
    ledger: { ...ledger, limit: request.tokens, waiting: [] },
  }
  return [
    ledger.waiting.reduce(
      (each, number) => {
        const run = find(each, number)
        return run?.awaitsBudget === true ? replaceRun(each, resumeRun(each, run)) : each
      },
      replaceRun(state, after),
    ),
    "Resumed",
  ]
}

/** A root that gets an answer without a limit fails. */
export const decline = (state: State, run: Run): Run =>
  end(state, { ...run, log: ModelLog.answer(run.log) }, "failed", "budget_spent")

const hasEnded = ({ status }: Run): boolean => isTerminal(status)

/** Whether all of one of these groups have ended. */
const isOver = ({ ended }: Run, groups: ReadonlyArray<ReadonlyArray<number>>): boolean =>
  groups.some((group) => group.every((index) => ended.includes(index)))

/** The parent after one of its children has ended. */
const addChildEnd = (state: State, parent: Run, index: number): Run => {
  const log = hasEnded(parent) ? parent.log : ModelLog.addChildEvent(parent.log, false)
  const after = { ...parent, log, ended: [...parent.ended, index] }
  return parent.status === "waiting" && isOver(after, parent.awaiting ?? []) ? resumeRun(state, after) : after
}

/** Cancels the children of runs that have ended since `before`, and informs the parents of those that have. */
export const settle = (before: State, after: State): State => {
  const endedBefore = new Set(before.runs.filter(hasEnded).map(({ run }) => run))
  let state = after
  for (;;) {
    const ended = state.runs.filter((run) => hasEnded(run) && !endedBefore.has(run.run))
    if (ended.length === 0) return state
    for (const { run } of ended) {
      endedBefore.add(run)
      for (const child of state.runs) {
        if (child.parent?.run !== run || hasEnded(child)) continue
        state = replaceRun(state, end(state, child, "cancelled", "parent_ended"))
      }
    }
    for (const { parent } of ended) {
      const run = parent === null ? undefined : find(state, parent.run)
      if (run !== undefined) state = replaceRun(state, addChildEnd(state, run, parent!.index))
    }
  }
}

const sweepOne = (state: State, { run }: Run): State => {
  const current = find(state, run)!
  const swept = sweep(state, current)
  return swept === current ? state : settle(state, replaceRun(state, swept))
}

/** Every state that sweeps may reach from this one: a sweep may notice what is due at any later time. */
export const sweeps = (state: State): ReadonlyArray<State> =>
  state.runs.reduce<ReadonlyArray<State>>(
    (states, run) =>
      states.flatMap((each) => {
        const swept = sweepOne(each, run)
        return swept === each ? [each] : [each, swept]
      }),
    [state],
  )

const sweepAll = (state: State): State => state.runs.reduce(sweepOne, state)

/** The calls that a run is to wait for, with their times. */
export const pendingCalls = ({ now }: State, { calls, expiresAfter }: Calls): Run["waiting"] =>
  calls.map(({ call, until }) => ({
    call,
    until: until ?? (expiresAfter === null ? null : now + expiresAfter),
  }))

/** The run after it has begun to wait for what a pause says. */
export const pause = (state: State, run: Run, request: Extract<Request, { _tag: "Pause" }>): Run => {
  if (request.calls.length === 0 && mustAsk(run)) {
    return requestMore({ ...run, attempt: 0, lease: null })
  }
  const isMet = isOver(run, request.children) || (request.inbox !== null && run.inbox.length > request.inbox)
  const waiting = isMet ? [] : pendingCalls(state, request)
  const after: Run = {
    ...run,
    awaitsBudget: request.budget,
    status: "waiting",
    attempt: 0,
    lease: null,
    waiting,
    wakesAt: request.time === null ? null : state.now + request.time,
    awaiting: request.children.length === 0 ? null : request.children,
    listening: request.inbox,
    log: (waiting.length === 0 ? ModelLog.pause : ModelLog.suspend)(run.log),
  }
  return isMet ? resumeRun(state, after) : after
}

/*
 * The model has no places. So it says of limited runs which claims are allowed, and not which one of them a claim takes first: no more of a key work
 * than its limit lets in, and a claim leaves a key that has room alone only where it is full itself.
 */

const isWorking =
  (key: string | null) =>
  ({ limit, status }: Run): boolean =>
    limit === key && status === "running"

const countOf = (runs: ReadonlyArray<Run>, key: string): number => runs.filter(isWorking(key)).length

/** How many more runs of a key may start. */
const roomOf = ({ limits, runs }: State, key: string): number => (limits[key] ?? 0) - countOf(runs, key)

/** A run that works under the limit that this one waits for; undefined where it may start. */
export const inTheWay = (state: State, { limit }: Run): Run | undefined =>
  limit === null || roomOf(state, limit) > 0 ? undefined : state.runs.find(isWorking(limit))

/** The first of these runs that may start together, at most `most`. */
const startable = (state: State, runs: ReadonlyArray<Run>, most: number): ReadonlyArray<Run> => {
  const claimed: Array<Run> = []
  for (const run of runs) {
    const { limit } = run
    const alike = claimed.filter((other) => other.limit === limit).length
    if (claimed.length < most && (limit === null || alike < roomOf(state, limit))) claimed.push(run)
  }
  return claimed
}

/** Whether claims that want `most` runs together may take these of the `runnable` ones, which are in their order of preference. */
const isAllowed = (
  state: State,
  runnable: ReadonlyArray<Run>,
  claimed: ReadonlyArray<Run>,
  most: number,
): boolean => {
  const keys = new Set(runnable.flatMap(({ limit }) => limit ?? []))
  const ofKey = (runs: ReadonlyArray<Run>, key: string) => runs.filter(({ limit }) => limit === key).length
  const isOver = [...keys].some((key) => ofKey(claimed, key) > Math.max(0, roomOf(state, key)))
  const left = runnable.filter((run) => !claimed.includes(run))
  const freeLeft = left.findIndex(({ limit }) => limit === null)
  if (isOver || claimed.length > most || new Set(claimed).size < claimed.length) return false
  if (claimed.length < most) {
    return freeLeft < 0 && left.every(({ limit }) => ofKey(claimed, limit!) > 0 || roomOf(state, limit!) <= 0)
  }
  const firstLeft = freeLeft < 0 ? runnable.length : runnable.indexOf(left[freeLeft]!)
  return claimed.every((run) => runnable.indexOf(run) < firstLeft)
}

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
  const claimed = startable(swept, runnable(swept), request.limit).map((run) =>
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
  return isAllowed(swept, all, found.flat(), limit)
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
