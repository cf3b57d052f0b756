/**
 * The control plane in a page: what `docs/state-machine.md` says, as a function from a state and a request to the
 * state after it and the verdict. It shares no rule with the stores that it judges.
 *
 * @since 0.1.0
 */
import { isTerminal, type RunStatus } from "@runlease/core/Run"
import * as ModelLog from "./ModelLog.js"
import { type Answered, type Fence, instant, type Request, type Submit } from "./Request.js"
import * as Seen from "./Seen.js"

export interface Run {
  readonly run: number
  /** The submission, to tell a repeated one from another. */
  readonly sent: string
  readonly lane: string | null
  readonly priority: number
  readonly maxAttempts: number
  readonly availableAt: number
  readonly status: RunStatus
  readonly attempt: number
  readonly epoch: number
  /** Kept when the lease lapses, until a sweep notices. */
  readonly lease: { readonly worker: number; readonly until: number } | null
  /** Who held the run when it ended. */
  readonly lastHolder: number | null
  /** What is open. */
  readonly waiting: ReadonlyArray<Seen.Waiting>
  readonly answers: Readonly<Record<string, number>>
  /** Whether its last input came from a client to which a call of its tools ends a run. */
  readonly ofClient: boolean
  /** The later inputs that it has taken. */
  readonly inputs: ReadonlyArray<{ readonly input: number; readonly sent: string; readonly since: number }>
  /** The attempt that ended without an outcome and has no mark in the log yet. */
  readonly past: ModelLog.PastAttempt | null
  readonly session: string | null
  readonly error: string | null
  readonly log: ModelLog.ModelLog
}

/** `runs` are in the order submitted. */
export interface State {
  readonly now: number
  readonly runs: ReadonlyArray<Run>
}

export const initial: State = { now: 0, runs: [] }

export const find = (state: State, run: number): Run | undefined =>
  state.runs.find((each) => each.run === run)

const put = (state: State, changed: Run): State => ({
  ...state,
  runs: state.runs.map((run) => (run.run === changed.run ? changed : run)),
})

export const isLapsed = (state: State, { lease }: Run): boolean => lease !== null && lease.until <= state.now

const isOverdue = (state: State, { waiting }: Run): boolean =>
  waiting.some(({ until }) => until !== null && until <= state.now)

const isRunnable = (state: State, run: Run): boolean =>
  run.status === "pending" &&
  run.availableAt <= state.now &&
  (run.lane === null ||
    state.runs.find(({ lane, status }) => lane === run.lane && !isTerminal(status)) === run)

/** What a fence is to a run: it holds it, held it until the very end, or neither. */
const standing = (state: State, run: Run, { epoch, worker }: Fence): "held" | "ended" | "lost" => {
  if (epoch !== null && epoch !== run.epoch) return "lost"
  if (run.lease?.worker === worker && !isLapsed(state, run)) return "held"
  return isTerminal(run.status) && run.lastHolder === worker ? "ended" : "lost"
}

const end = (
  state: State,
  run: Run,
  status: "completed" | "failed" | "cancelled",
  error: string | null,
  last: ModelLog.PastAttempt | null = null,
): Run => ({
  ...run,
  status,
  error,
  lease: null,
  waiting: [],
  past: null,
  // Whose lease had lapsed did not hold the run.
  lastHolder: run.lease === null || isLapsed(state, run) ? null : run.lease.worker,
  log: ModelLog.ended(run.log, status, error, last),
})

const endAttempt = (
  state: State,
  run: Run,
  ended: ModelLog.PastAttempt["ended"],
  availableAt = run.availableAt,
): Run => {
  const past = { attempt: run.attempt, worker: run.lease?.worker ?? -1, ended }
  const counted = ended !== "released"
  if (counted && run.attempt >= run.maxAttempts) return end(state, run, "failed", "attempts_exhausted", past)
  return {
    ...run,
    status: "pending",
    attempt: counted ? run.attempt : run.attempt - 1,
    availableAt,
    lease: null,
    past,
  }
}

/** The run as a sweep leaves it, which takes notice of what time has done. */
const sweep = (state: State, run: Run): Run =>
  isLapsed(state, run)
    ? endAttempt(state, run, "lease_expired")
    : isOverdue(state, run)
      ? end(state, run, "failed", "wait_expired")
      : run

/** Every state that sweeps may have made of this one: what is due is noticed at any time from then on. */
export const sweeps = (state: State): ReadonlyArray<State> =>
  state.runs.reduce<ReadonlyArray<State>>(
    (states, run) => {
      const swept = sweep(state, run)
      return swept === run ? states : states.flatMap((each) => [each, put(each, swept)])
    },
    [state],
  )

const sweepAll = (state: State): State => sweeps(state).at(-1)!

export type Claim = Extract<Request, { _tag: "Claim" }>

/** The runs that a claim may take, the best first. */
const runnable = (state: State): ReadonlyArray<Run> =>
  state.runs.filter((run) => isRunnable(state, run)).sort((a, b) => b.priority - a.priority)

const take = (state: State, run: Run, { lease, worker }: Claim): Run => {
  const attempt = run.attempt + 1
  return {
    ...run,
    status: "running",
    attempt,
    epoch: run.epoch + 1,
    lease: { worker, until: state.now + lease },
    past: null,
    log: ModelLog.claimed(run.log, run.past, { attempt, worker }),
  }
}

const takenText = (taken: ReadonlyArray<Run>): string =>
  taken.length === 0 ? "nothing" : taken.map(claimedText).join("; ")

const claim = (state: State, request: Claim): readonly [State, string] => {
  const swept = sweepAll(state)
  const taken = runnable(swept)
    .slice(0, request.limit)
    .map((run) => take(swept, run, request))
  return [taken.reduce(put, swept), takenText(taken)]
}

/**
 * Claims that a store answers together, sharing what is there as they got it by their verdicts: they take the best
 * for all of them, none more than its limit.
 */
export const claimTogether = (
  state: State,
  claims: ReadonlyArray<{ readonly request: Claim; readonly got: ReadonlyArray<number> }>,
): readonly [State, ReadonlyArray<string>] => {
  const swept = sweepAll(state)
  const limit = claims.reduce((sum, { request }) => sum + request.limit, 0)
  const best = runnable(swept).slice(0, limit)
  const shares = claims.map(({ got, request }) =>
    best
      .filter(({ run }) => got.includes(run))
      .slice(0, request.limit)
      .map((run) => take(swept, run, request)),
  )
  const taken = shares.flat()
  // Nothing that was left for them is left over.
  return taken.length === best.length ? [taken.reduce(put, swept), shares.map(takenText)] : [state, []]
}

const claimedText = (run: Run): string =>
  Seen.claimText({
    run: run.run,
    attempt: run.attempt,
    epoch: run.epoch,
    event: run.log.entries.length,
    sequence: run.log.sequence,
    until: run.lease?.until ?? 0,
  })

const submit = (state: State, request: Submit): readonly [State, string] => {
  const sent = JSON.stringify(request)
  const known = find(state, request.run)
  if (known !== undefined) return [state, known.sent === sent ? "Duplicate" : "SubmissionConflict"]
  const run: Run = {
    run: request.run,
    sent,
    lane: request.lane,
    priority: request.priority,
    maxAttempts: request.maxAttempts,
    availableAt: request.availableAt ?? state.now,
    status: request.driven ? "running" : "pending",
    attempt: 0,
    epoch: 0,
    lease: null,
    lastHolder: null,
    waiting: [],
    answers: {},
    ofClient: request.ofClient,
    inputs: [],
    past: null,
    session: null,
    error: null,
    log: request.driven ? ModelLog.opened(ModelLog.empty) : ModelLog.empty,
  }
  return [{ ...state, runs: [...state.runs, run] }, "Submitted"]
}

const renew = (state: State, request: Extract<Request, { _tag: "Renew" }>): readonly [State, string] => {
  const verdicts: Array<string> = []
  let after = state
  for (const { epoch, run: number } of request.leases) {
    const run = find(after, number)
    const stands = run === undefined ? "lost" : standing(after, run, { worker: request.worker, epoch })
    if (run !== undefined && stands === "held") {
      const until = state.now + request.lease
      after = put(after, { ...run, lease: { worker: request.worker, until } })
      verdicts.push(`Held until ${instant(until)}`)
    } else verdicts.push(stands === "ended" && run?.status === "cancelled" ? "Cancelled" : "Lost")
  }
  return [after, verdicts.join(", ")]
}

/** All of the answers are taken or none; the run goes on when nothing is open. */
const resume = (run: Run, given: ReadonlyArray<Answered>): readonly [Run, string] => {
  const [first, ...others] = given
  if (first === undefined) return [run, "Duplicate"]
  const waiting = run.waiting.filter(({ call }) => call !== first.call)
  if (waiting.length === run.waiting.length) {
    return run.answers[first.call] === first.result ? resume(run, others) : [run, "NotWaiting"]
  }
  const answers = { ...run.answers, [first.call]: first.result }
  const goesOn = waiting.length === 0
  const status = goesOn ? "pending" : run.status
  const ofClient = run.ofClient && !goesOn
  const [after, verdict] = resume({ ...run, status, waiting, answers, ofClient }, others)
  return verdict === "NotWaiting" ? [run, verdict] : [after, "Resumed"]
}

/** An input goes on with a run that waits for nothing but what it tells; else it is another run's. */
const followUp = (
  state: State,
  run: Run,
  { answers, input }: Extract<Request, { _tag: "FollowUp" }>,
): readonly [Run, string] => {
  const sent = JSON.stringify(answers)
  const named = state.runs.flatMap(({ inputs, run: number }) =>
    inputs.flatMap((taken) => (taken.input === input ? [{ ...taken, run: number }] : [])),
  )[0]
  if (named !== undefined) {
    const same = named.run === run.run && named.sent === sent
    return [run, same ? `Again after ${named.since}` : "SubmissionConflict"]
  }
  const given = answers.filter(({ call }) => run.waiting.some((open) => open.call === call))
  const before = run.inputs.findLast((taken) => taken.sent === sent)
  if (given.length === 0 && before !== undefined) {
    return [{ ...run, inputs: [...run.inputs, { ...before, input }] }, `Again after ${before.since}`]
  }
  if (run.status !== "waiting") return [run, `Left ${run.status}`]
  if (given.length < run.waiting.length) {
    return run.ofClient ? [end(state, run, "completed", null), "Left completed"] : [run, "Left waiting"]
  }
  const since = run.log.entries.length
  return [
    {
      ...run,
      status: "pending",
      waiting: [],
      answers: { ...run.answers, ...Object.fromEntries(given.map(({ call, result }) => [call, result])) },
      ofClient: true,
      inputs: [...run.inputs, { input, sent, since }],
    },
    `Continued after ${since}`,
  ]
}

type OfRun = Exclude<Request, { _tag: "Submit" | "Claim" | "Renew" | "Pass" }>

/** The run after the request, when it changes, and the verdict. */
const onRun = (state: State, run: Run, request: OfRun): readonly [Run, string] => {
  const stands =
    "fence" in request && request.fence !== null ? standing(state, run, request.fence) : "trusted"
  if (stands === "lost") return [run, "LeaseLost"]
  switch (request._tag) {
    case "Append": {
      if (isTerminal(run.status)) return [run, "RunEnded"]
      if (run.status === "waiting") return [run, "RunWaiting"]
      const known = ModelLog.alreadyThere(run.log, request)
      if (known === undefined) return [run, "CursorMismatch"]
      const log = ModelLog.appended(run.log, request.events.slice(known))
      const count = request.events.length - known
      return [{ ...run, log }, `Appended ${count} up to event ${log.entries.length} sequence ${log.sequence}`]
    }
    case "Release":
      if (stands === "ended") return [run, "LeaseLost"]
      return [
        endAttempt(
          state,
          run,
          request.counted ? "retry" : "released",
          request.delay > 0 ? state.now + request.delay : run.availableAt,
        ),
        "Released",
      ]
    case "Suspend": {
      if (stands === "ended") return [run, "LeaseLost"]
      const log = ModelLog.suspended(run.log)
      const { expiresAfter } = request
      const waiting = request.asked.map(({ call, until }) => ({
        call,
        until: until ?? (expiresAfter === null ? null : state.now + expiresAfter),
      }))
      return [{ ...run, status: "waiting", attempt: 0, lease: null, waiting, log }, "Suspended"]
    }
    case "Resume":
      if (isOverdue(state, run)) return onRun(state, sweep(state, run), request)
      return resume(run, request.answers)
    case "FollowUp":
      if (isOverdue(state, run)) return onRun(state, sweep(state, run), request)
      return followUp(state, run, request)
    case "Cancel":
      if (isTerminal(run.status)) return [run, "Ended before"]
      return [end(state, run, "cancelled", null), "Cancelled"]
    case "Complete":
      if (isTerminal(run.status)) return [run, "Ended before"]
      return [end(state, run, request.status, request.status === "failed" ? "told" : null), "Completed"]
    case "Session":
      if (stands === "ended") return [run, "RunEnded"]
      return [{ ...run, session: request.key }, "Recorded"]
  }
}

/** One request, all at once. */
export const step = (state: State, request: Request): readonly [State, string] => {
  switch (request._tag) {
    case "Submit":
      return submit(state, request)
    case "Claim":
      return claim(state, request)
    case "Renew":
      return renew(state, request)
    case "Pass":
      return [{ ...state, now: state.now + request.millis }, "Passed"]
    default: {
      const run = find(state, request.run)
      if (run === undefined) return [state, "RunNotFound"]
      const [after, verdict] = onRun(state, run, request)
      return [after === run ? state : put(state, after), verdict]
    }
  }
}

/** What is to be seen of a run. */
export const look = (state: State, number: number): string => {
  const run = find(state, number)
  return run === undefined
    ? "RunNotFound"
    : Seen.text({ ...run, event: run.log.entries.length, sequence: run.log.sequence })
}
