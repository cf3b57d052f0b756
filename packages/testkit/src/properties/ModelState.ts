/** The state of the model: its runs, their leases and lanes, how an attempt ends, and what a sweep changes. */
import { isTerminal, type RunStatus } from "@runlease/core/Run"
import * as ModelLog from "./ModelLog.js"
import type { Fence, PendingCall } from "./Request.js"

export interface Run {
  readonly run: number
  /** The submission as JSON, to distinguish a repeated submission from a conflicting one. */
  readonly submission: string
  readonly lane: string | null
  /** The key of its limit of concurrency. */
  readonly limit: string | null
  readonly priority: number
  readonly maxAttempts: number
  readonly availableAt: number
  /** When the run is cancelled if no worker has claimed it; null once one has. */
  readonly startBy: number | null
  /** How long the run may work, and how long the claims that ended have; null for a run without a timeout. */
  readonly work: { readonly most: number; readonly done: number } | null
  /** When the last claim began. */
  readonly claimedAt: number
  readonly status: RunStatus
  readonly attempt: number
  readonly epoch: number
  /** A lapsed lease stays until a sweep removes it. */
  readonly lease: { readonly worker: number; readonly until: number } | null
  /** The worker that ran the run to its end. */
  readonly lastHolder: number | null
  /** The calls that have no answer yet. */
  readonly waiting: ReadonlyArray<PendingCall>
  /** When a run that sleeps continues. */
  readonly wakesAt: number | null
  /** The groups of children that the run waits for, by their indexes. */
  readonly awaiting: ReadonlyArray<ReadonlyArray<number>> | null
  /** How many messages the run has consumed that waits for another. */
  readonly listening: number | null
  /** Whether the run waits for its budget. */
  readonly awaitsBudget: boolean
  /** The run whose budget this one spends. */
  readonly budgetRoot: number | null
  /** The budget of a root, and the runs that have begun to wait for it. */
  readonly ledger: {
    readonly limit: number
    readonly spent: number
    readonly waiting: ReadonlyArray<number>
  } | null
  /** The keys of its messages. */
  readonly inbox: ReadonlyArray<number | null>
  /** The submissions, by the numbers of their runs, that became messages to this one. */
  readonly steered: ReadonlyArray<{ readonly run: number; readonly submission: string }>
  /** The key whose later submissions the run takes, until its first claim. */
  readonly debounceKey: string | null
  readonly absorbed: ReadonlyArray<{ readonly run: number; readonly submission: string }>
  readonly createdAt: number
  /** How long the run may be claimable before its first claim; null for ever. */
  readonly ttl: number | null
  readonly parent: { readonly run: number; readonly index: number } | null
  /** How many children the run has spawned. */
  readonly children: number
  /** The indexes of those that have ended. */
  readonly ended: ReadonlyArray<number>
  readonly answers: Readonly<Record<string, number>>
  /** Whether the last input came from a client whose protocol ends a run at a call of the client's tools. */
  readonly ofClient: boolean
  /** The follow-up inputs that the run has accepted, with their answers as JSON. */
  readonly inputs: ReadonlyArray<{ readonly input: number; readonly answers: string; readonly since: number }>
  /** The attempt that ended without an outcome and has no mark in the log yet. */
  readonly past: ModelLog.PastAttempt | null
  readonly session: string | null
  readonly error: string | null
  readonly log: ModelLog.ModelLog
}

/** `runs` are in the order of submission. `limits`: how many runs of each key may work. */
export interface State {
  readonly now: number
  readonly limits: Readonly<Record<string, number>>
  readonly runs: ReadonlyArray<Run>
}

export const initial: State = { now: 0, limits: {}, runs: [] }

/** A run by its number, or by that of a submission that it took. */
export const find = ({ runs }: State, run: number): Run | undefined =>
  runs.find((each) => each.run === run) ??
  runs.find(({ steered, absorbed }) => [...steered, ...absorbed].some((submission) => submission.run === run))

export const replaceRun = (state: State, changed: Run): State => ({
  ...state,
  runs: state.runs.map((run) => (run.run === changed.run ? changed : run)),
})

export const isLapsed = (state: State, { lease }: Run): boolean => lease !== null && lease.until <= state.now

/** Whether time has ended the run's wait. */
export const isOverdue = (state: State, { waiting, wakesAt }: Run): boolean =>
  (wakesAt !== null && wakesAt <= state.now) ||
  waiting.some(({ until }) => until !== null && until <= state.now)

export const isExpired = ({ now }: State, { startBy, status }: Run): boolean =>
  status === "pending" && startBy !== null && startBy <= now

/** How long the run has worked under its lease, which ends at the latest when it lapses. */
const workOf = ({ now }: State, { claimedAt, lease }: Run): number =>
  lease === null ? 0 : Math.min(now, lease.until) - claimedAt

/** Whether the run has worked for as long as it may. */
const isOverTime = (state: State, run: Run): boolean =>
  run.work !== null && run.lease !== null && run.work.done + workOf(state, run) >= run.work.most

export const isRunnable = (state: State, run: Run): boolean =>
  run.status === "pending" &&
  !isExpired(state, run) &&
  run.availableAt <= state.now &&
  (run.lane === null ||
    state.runs.find(({ lane, status }) => lane === run.lane && !isTerminal(status)) === run)

/** Whether the fence owns the run, owned it when it ended, or neither. */
export const standingOf = (state: State, run: Run, { epoch, worker }: Fence): "owned" | "ended" | "lost" => {
  if (epoch !== null && epoch !== run.epoch) return "lost"
  if (run.lease?.worker === worker && !isLapsed(state, run)) return "owned"
  return isTerminal(run.status) && run.lastHolder === worker ? "ended" : "lost"
}

/** A run that waits for nothing. */
export const withoutWait = (run: Run): Run => ({
  ...run,
  waiting: [],
  wakesAt: null,
  awaiting: null,
  listening: null,
  awaitsBudget: false,
})

export const end = (
  state: State,
  run: Run,
  status: "completed" | "failed" | "cancelled",
  error: string | null,
  last: ModelLog.PastAttempt | null = null,
): Run => ({
  ...withoutWait(run),
  status,
  error,
  lease: null,
  past: null,
  // A worker whose lease had lapsed did not hold the run.
  lastHolder: run.lease === null || isLapsed(state, run) ? null : run.lease.worker,
  log: ModelLog.end(run.log, status, error, last),
})

/** What becomes of a run whose claim ends: it fails where it has worked for as long as it may. */
export const endClaim = (state: State, run: Run, goesOn: (run: Run) => Run): Run =>
  isOverTime(state, run)
    ? end(state, run, "failed", "TIMEOUT")
    : goesOn({
        ...run,
        work: run.work && { ...run.work, done: run.work.done + workOf(state, run) },
      })

export const endAttempt = (
  state: State,
  run: Run,
  ended: ModelLog.PastAttempt["ended"],
  availableAt = run.availableAt,
): Run => endClaim(state, run, (after) => afterAttempt(state, after, ended, availableAt))

const afterAttempt = (
  state: State,
  run: Run,
  ended: ModelLog.PastAttempt["ended"],
  availableAt: number,
): Run => {
  const past = { attempt: run.attempt, worker: run.lease?.worker ?? -1, ended }
  const counted = ended !== "released"
  // An attempt that has recorded a step counts as the first one.
  const attempt = run.log.progress ? 1 : run.attempt
  if (counted && attempt >= run.maxAttempts) return end(state, run, "failed", "attempts_exhausted", past)
  return {
    ...run,
    status: "pending",
    attempt: counted ? attempt : attempt - 1,
    availableAt,
    lease: null,
    past,
  }
}

/** A run continues, without the answers that it has waited for. */
export const resumeRun = (state: State, run: Run): Run => ({
  ...withoutWait(run),
  status: "pending",
  availableAt: Math.min(run.availableAt, state.now),
})

/** Whether the run continues by itself before one of its calls is late. */
const wakesFirst = ({ waiting, wakesAt }: Run): boolean =>
  wakesAt !== null && waiting.every(({ until }) => until === null || wakesAt <= until)

/** The run after a sweep, which ends lapsed leases, overdue waits, and runs whose limit of time is reached. */
export const sweep = (state: State, run: Run): Run =>
  isLapsed(state, run) || isOverTime(state, run)
    ? endAttempt(state, run, "lease_expired")
    : isExpired(state, run)
      ? end(state, run, "cancelled", "EXPIRED")
      : !isOverdue(state, run)
        ? run
        : wakesFirst(run)
          ? resumeRun(state, run)
          : end(state, run, "failed", "wait_expired")
