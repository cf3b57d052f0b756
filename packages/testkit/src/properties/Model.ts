/**
 * The control plane as a pure function from a state and a request to the next state and the verdict, after
 * `docs/state-machine.md`. It shares no rule with the stores that it checks.
 */
import { isReserved } from "@runlease/core/AgentEvent"
import { isTerminal } from "@runlease/core/Run"
import * as ModelRules from "./ModelRules.js"
import * as ModelLog from "./ModelLog.js"
import {
  end,
  endAttempt,
  endClaim,
  find,
  isExpired,
  isOverdue,
  replaceRun,
  resumeRun,
  type Run,
  standingOf,
  type State,
  sweep,
  withoutWait,
} from "./ModelState.js"
import * as Observation from "./Observation.js"
import { type CallResult, instant, type Request, runName, type Submit } from "./Request.js"

/** Applies all answers or none. The run becomes pending when no call is open. */
export const resume = (run: Run, results: ReadonlyArray<CallResult>): readonly [Run, string] => {
  const [first, ...others] = results
  if (first === undefined) return [run, "Duplicate"]
  const waiting = run.waiting.filter(({ call }) => call !== first.call)
  if (waiting.length === run.waiting.length) {
    return run.answers[first.call] === first.result ? resume(run, others) : [run, "NotWaiting"]
  }
  const answers = { ...run.answers, [first.call]: first.result }
  const allAnswered = waiting.length === 0
  const status = allAnswered ? "pending" : run.status
  const ofClient = run.ofClient && !allAnswered
  const left = allAnswered ? withoutWait(run) : { ...run, waiting }
  const [after, verdict] = resume({ ...left, status, answers, ofClient }, others)
  return verdict === "NotWaiting" ? [run, verdict] : [after, "Resumed"]
}

/** An input continues the run when it answers every open call; otherwise it belongs to a new run. */
const followUp = (
  state: State,
  run: Run,
  request: Extract<Request, { _tag: "FollowUp" }>,
): readonly [Run, string] => {
  const { input } = request
  const answers = JSON.stringify(request.answers)
  const named = state.runs.flatMap(({ inputs, run: number }) =>
    inputs.flatMap((each) => (each.input === input ? [{ ...each, run: number }] : [])),
  )[0]
  if (named !== undefined) {
    const same = named.run === run.run && named.answers === answers
    return [run, same ? `Again after ${named.since}` : "SubmissionConflict"]
  }
  const results = request.answers.filter(({ call }) => run.waiting.some((open) => open.call === call))
  const before = run.inputs.findLast((each) => each.answers === answers)
  if (results.length === 0 && before !== undefined) {
    return [{ ...run, inputs: [...run.inputs, { ...before, input }] }, `Again after ${before.since}`]
  }
  if (run.status !== "waiting" || run.waiting.length === 0) return [run, `Left ${run.status}`]
  if (ModelRules.isAsking(run)) return [run, "Uncovered waiting"]
  if (results.length < run.waiting.length) {
    return run.ofClient ? [end(state, run, "completed", null), "Left completed"] : [run, "Left waiting"]
  }
  const since = ModelLog.questionEvent(run.log)
  return [
    {
      ...withoutWait(run),
      status: "pending",
      answers: { ...run.answers, ...Object.fromEntries(results.map(({ call, result }) => [call, result])) },
      ofClient: true,
      inputs: [...run.inputs, { input, answers, since }],
    },
    `Continued after ${since}`,
  ]
}

/** Until when a run waits for the next submission, whose first one was at `createdAt`. */
const debouncedUntil = (
  { most, wait }: NonNullable<Submit["debounce"]>,
  createdAt: number,
  now: number,
): number => (most === null ? now + wait : Math.min(now + wait, createdAt + most))

/** The run that takes the submission; undefined where it is to be a run. */
const debounce = (
  state: State,
  { debounce: by, ofClient, run: number }: Submit,
  submission: string,
): readonly [State, string] | undefined => {
  const run = state.runs.find(
    (each) =>
      by !== null &&
      each.debounceKey === by.key &&
      each.status === "pending" &&
      each.epoch === 0 &&
      !isExpired(state, each),
  )
  if (by === null || run === undefined) return undefined
  const availableAt = debouncedUntil(by, run.createdAt, state.now)
  const startBy = run.ttl === null ? null : Math.max(run.createdAt, availableAt) + run.ttl
  const absorbed = [...run.absorbed, { run: number, submission }]
  return [
    replaceRun(state, { ...run, availableAt, startBy, ofClient, absorbed }),
    `Debounced ${runName(run.run)}`,
  ]
}

const submit = (state: State, request: Submit): readonly [State, string] => {
  const submission = JSON.stringify(request)
  const isAmong = (submissions: Run["steered"]) =>
    submissions.some((before) => before.submission === submission)
  const existing = find(state, request.run)
  if (existing?.run === request.run) {
    return [state, existing.submission === submission ? "Duplicate" : "SubmissionConflict"]
  }
  if (existing !== undefined) {
    if (isAmong(existing.steered)) return [state, `Steered before ${runName(existing.run)}`]
    return [
      state,
      isAmong(existing.absorbed) ? `Debounced before ${runName(existing.run)}` : "SubmissionConflict",
    ]
  }
  const debounced = debounce(state, request, submission)
  if (debounced !== undefined) return debounced
  const lane =
    request.lane === null
      ? []
      : state.runs.filter((run) => run.lane === request.lane && !isTerminal(run.status))
  const [first] = lane
  if (first !== undefined && request.multitask === "reject") return [state, "ConversationBusy"]
  if (first !== undefined && request.multitask === "steer") {
    const [withMessage] = stepRun(state, first, { _tag: "Tell", run: first.run, key: null })
    const steered = [...withMessage.steered, { run: request.run, submission }]
    return [replaceRun(state, { ...withMessage, steered }), `Steered ${runName(first.run)}`]
  }
  const ended =
    request.multitask === "interrupt"
      ? lane
      : request.multitask === "latest"
        ? lane.filter(({ epoch, status }) => status === "pending" && epoch === 0)
        : []
  const left = ended.reduce((each, run) => replaceRun(each, end(each, run, "cancelled", null)), state)
  const availableAt =
    request.debounce === null
      ? (request.availableAt ?? state.now)
      : debouncedUntil(request.debounce, state.now, state.now)
  const run: Run = {
    run: request.run,
    submission,
    lane: request.lane,
    limit: request.limit?.key ?? null,
    priority: request.priority,
    maxAttempts: request.maxAttempts,
    availableAt,
    startBy: request.ttl === null ? null : Math.max(state.now, availableAt) + request.ttl,
    work: request.timeout === null ? null : { most: request.timeout, done: 0 },
    claimedAt: 0,
    status: request.driven ? "running" : "pending",
    attempt: 0,
    epoch: 0,
    lease: null,
    lastHolder: null,
    waiting: [],
    wakesAt: null,
    awaiting: null,
    listening: null,
    awaitsBudget: false,
    budgetRoot: request.tokens === null ? null : request.run,
    ledger: request.tokens === null ? null : { limit: request.tokens, spent: 0, waiting: [] },
    inbox: [],
    steered: [],
    debounceKey: request.debounce?.key ?? null,
    absorbed: [],
    createdAt: state.now,
    ttl: request.ttl,
    parent: null,
    children: 0,
    ended: [],
    answers: {},
    ofClient: request.ofClient,
    inputs: [],
    past: null,
    session: null,
    error: null,
    log: request.driven ? ModelLog.start(ModelLog.empty) : ModelLog.empty,
  }
  const limits = request.limit === null ? {} : { [request.limit.key]: request.limit.most }
  return [{ ...left, limits: { ...left.limits, ...limits }, runs: [...left.runs, run] }, "Submitted"]
}

/** Whether the control plane has ended a run that its worker executes. */
const isStopped = ({ error, status }: Run): boolean => status === "cancelled" || error === "TIMEOUT"

const renew = (state: State, request: Extract<Request, { _tag: "Renew" }>): readonly [State, string] => {
  const verdicts: Array<string> = []
  let after = state
  for (const { epoch, run: number } of request.leases) {
    const run = find(after, number)
    const standing = run === undefined ? "lost" : standingOf(after, run, { worker: request.worker, epoch })
    if (run !== undefined && standing === "owned") {
      const until = state.now + request.lease
      after = replaceRun(after, { ...run, lease: { worker: request.worker, until } })
      verdicts.push(`Renewed until ${instant(until)}`)
    } else verdicts.push(standing === "ended" && isStopped(run!) ? "Cancelled" : "Lost")
  }
  return [after, verdicts.join(", ")]
}

/** The child has no lane, and attempts enough for a history. */
const spawn = (state: State, request: Extract<Request, { _tag: "Spawn" }>): readonly [State, string] => {
  const parent = find(state, request.run)
  if (parent === undefined) return [state, "RunNotFound"]
  if (standingOf(state, parent, request.fence) !== "owned") return [state, "LeaseLost"]
  const existing = find(state, request.child)
  if (existing !== undefined) return [state, `Spawned ${existing.parent?.index}`]
  const [withChild] = submit(state, {
    _tag: "Submit",
    run: request.child,
    lane: null,
    limit: null,
    priority: 0,
    maxAttempts: 100,
    availableAt: null,
    ttl: null,
    timeout: null,
    driven: false,
    ofClient: false,
    tokens: null,
    multitask: "enqueue",
    debounce: null,
  })
  const index = parent.children
  const child = {
    ...find(withChild, request.child)!,
    parent: { run: request.run, index },
    budgetRoot: parent.budgetRoot,
  }
  const after = { ...parent, children: index + 1, log: ModelLog.addChildEvent(parent.log, true) }
  return [replaceRun(replaceRun(withChild, child), after), `Spawned ${index}`]
}

type RunRequest = Exclude<Request, { _tag: "Submit" | "Claim" | "Renew" | "Pass" | "Spawn" | "Raise" }>

/** The run after the request and the verdict. An unchanged run is the same object. */
const stepRun = (state: State, run: Run, request: RunRequest): readonly [Run, string] => {
  const standing =
    "fence" in request && request.fence !== null ? standingOf(state, run, request.fence) : "trusted"
  if (standing === "lost") return [run, "LeaseLost"]
  switch (request._tag) {
    case "Append": {
      if (isTerminal(run.status)) return [run, "RunEnded"]
      if (run.status === "waiting") return [run, "RunWaiting"]
      const duplicates = ModelLog.countDuplicates(run.log, request)
      if (duplicates === undefined) return [run, "CursorMismatch"]
      const log = ModelLog.append(run.log, request.events.slice(duplicates))
      const count = request.events.length - duplicates
      return [{ ...run, log }, `Appended ${count} up to event ${log.entries.length} sequence ${log.sequence}`]
    }
    case "Release":
      if (standing === "ended") return [run, "LeaseLost"]
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
      if (standing === "ended") return [run, "LeaseLost"]
      const log = ModelLog.suspend(run.log)
      const waiting = ModelRules.pendingCalls(state, request)
      return [
        endClaim(state, run, (after) => ({
          ...after,
          status: "waiting",
          attempt: 0,
          lease: null,
          waiting,
          log,
        })),
        "Suspended",
      ]
    }
    case "Pause":
      if (standing === "ended") return [run, "LeaseLost"]
      return [endClaim(state, run, (after) => ModelRules.pause(state, after, request)), "Paused"]
    case "Resume": {
      if (isOverdue(state, run)) return stepRun(state, sweep(state, run), request)
      const [resumed, verdict] = resume(run, request.answers)
      const isDeclined = verdict === "Resumed" && ModelRules.isAsking(run)
      return [isDeclined ? ModelRules.decline(state, resumed) : resumed, verdict]
    }
    case "FollowUp":
      if (isOverdue(state, run)) return stepRun(state, sweep(state, run), request)
      return followUp(state, run, request)
    case "Tell": {
      if (request.key !== null && run.inbox.includes(request.key)) return [run, "Sent before"]
      if (isTerminal(run.status)) return [run, "RunEnded"]
      const inbox = [...run.inbox, request.key]
      const after = { ...run, inbox, log: ModelLog.addMessage(run.log, run.status === "waiting") }
      const isMet = run.listening !== null && inbox.length > run.listening
      return [isMet ? resumeRun(state, after) : after, "Sent"]
    }
    case "Cancel":
      if (isTerminal(run.status)) return [run, "Ended before"]
      return [end(state, run, "cancelled", null), "Cancelled"]
    case "Complete":
      if (isTerminal(run.status)) return [run, "Ended before"]
      if (standing === "owned" && request.consumed !== null && run.inbox.length > request.consumed) {
        return [run, "InboxNotEmpty"]
      }
      return [end(state, run, request.status, request.status === "failed" ? "reported" : null), "Completed"]
    case "Session":
      if (standing === "ended") return [run, "RunEnded"]
      return [{ ...run, session: request.key }, "Recorded"]
  }
}

/** What the request means for the budget of the tree. */
const settleBudget = (state: State, before: Run, after: Run, request: RunRequest): State => {
  switch (request._tag) {
    case "Append": {
      const added = after.log.entries.slice(before.log.entries.length)
      const reports = added.filter(({ text }) => text.includes('"runlease.usage"')).length
      return ModelRules.charge(state, after, reports * ModelRules.tokensOfReport)
    }
    case "Pause":
      return ModelRules.awaitBudget(state, after)
    default:
      return state
  }
}

const stepOne = (state: State, request: Request): readonly [State, string] => {
  switch (request._tag) {
    case "Submit":
      return submit(state, request)
    case "Claim":
      return ModelRules.claim(state, request)
    case "Renew":
      return renew(state, request)
    case "Spawn":
      return spawn(state, request)
    case "Raise":
      return ModelRules.raise(state, request)
    case "Pass":
      return [{ ...state, now: state.now + request.millis }, "Passed"]
    default: {
      if (request._tag === "Append" && request.fence === null && request.events.some(isReserved)) {
        return [state, "EventRefused"]
      }
      const run = find(state, request.run)
      if (run === undefined) return [state, "RunNotFound"]
      const [after, verdict] = stepRun(state, run, request)
      const changed = after === run ? state : replaceRun(state, after)
      return [settleBudget(changed, run, after, request), verdict]
    }
  }
}

/** Applies one request atomically. */
export const step = (state: State, request: Request): readonly [State, string] => {
  const [after, verdict] = stepOne(state, request)
  return [ModelRules.settle(state, after), verdict]
}

/** The observable state of a run. */
export const observe = (state: State, number: number): string => {
  const run = find(state, number)
  return run === undefined
    ? "RunNotFound"
    : Observation.format({ ...run, event: run.log.entries.length, sequence: run.log.sequence })
}
