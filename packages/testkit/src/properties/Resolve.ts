/** Turns a command into its request in the current state of a history. */
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Command from "./Command.js"
import * as ModelRules from "./ModelRules.js"
import * as ModelState from "./ModelState.js"
import type { Fence, Request } from "./Request.js"

export interface GrantedLease {
  readonly run: number
  readonly worker: number
  readonly epoch: number
}

/** What the history has done so far. */
export interface Progress {
  readonly state: ModelState.State
  /** In the order of the claims. */
  readonly leases: ReadonlyArray<GrantedLease>
  /** Identifies the command, so that every event is unique. */
  readonly name: string
}

const leaseOf = (
  progress: Progress,
  { as, back }: Command.LeaseCommand,
): { run: number; fence: Fence } | undefined => {
  const granted = progress.leases.at(-1 - (back % Math.max(1, progress.leases.length)))
  if (granted === undefined) return undefined
  const { epoch, run, worker } = granted
  return {
    run,
    fence: {
      worker: as === "another" ? (worker + 1) % Command.workers : worker,
      epoch: as === "without epoch" ? null : epoch,
    },
  }
}

const eventOf = (kind: Command.EventKind, serial: string, open: string | undefined): AgentEvent.LogEvent => {
  switch (kind) {
    case "record":
      return {
        type: "CUSTOM",
        name: "runlease.step",
        value: { step_id: serial, record_id: serial, name: serial },
      }
    case "usage":
      return AgentEvent.custom("runlease.usage", { inputTokens: ModelRules.tokensOfReport, model: serial })
    case "custom":
      return { ...AgentEvent.custom("test", null), serial }
    case "step":
      return { ...AgentEvent.stepStarted(`step ${serial}`), serial }
    case "message":
      return { ...AgentEvent.textStart(`message ${serial}`), serial }
    case "tool":
      return { ...AgentEvent.toolCallStart(`tool ${serial}`, "search"), serial }
    case "close": {
      if (open === undefined) return eventOf("custom", serial, open)
      const [type, ...name] = open.split(" ")
      const id = name.join(" ")
      switch (type) {
        case "STEP_FINISHED":
          return { ...AgentEvent.stepFinished(id), serial }
        case "TEXT_MESSAGE_END":
          return { ...AgentEvent.textEnd(id), serial }
        default:
          return { ...AgentEvent.toolCallEnd(id), serial }
      }
    }
  }
}

const appendOf = (progress: Progress, command: Command.AppendCommand): Request | undefined => {
  const lease = leaseOf(progress, command.lease)
  const run = lease === undefined ? undefined : ModelState.find(progress.state, lease.run)
  if (lease === undefined || run === undefined) return undefined
  const { log } = run
  const withCursor = command.cursor !== "none"
  const sequence = Math.max(0, log.sequence - (withCursor ? command.back : 0))
  const after = log.entries.flatMap((entry, index) =>
    entry.sequence !== null && entry.sequence > sequence ? [{ ...entry, id: index + 1 }] : [],
  )
  const copies = after
    .slice(0, withCursor ? command.copied : 0)
    .map(({ text }) => JSON.parse(text) as AgentEvent.LogEvent)
  const kinds: ReadonlyArray<Command.EventKind> =
    command.fresh.length === 0 && copies.length === 0 ? ["custom"] : command.fresh
  const events = kinds.map((kind, index) => eventOf(kind, `${progress.name}.${index + 1}`, log.open.at(-1)))
  const first = after[0]
  const id = first === undefined ? log.entries.length + sequence - log.sequence : first.id - 1
  return {
    _tag: "Append",
    run: lease.run,
    fence: command.trusted ? null : lease.fence,
    events: [...copies, ...events],
    expectedEventId: command.cursor === "event" || command.cursor === "both" ? id : undefined,
    expectedSequence: command.cursor === "sequence" || command.cursor === "both" ? sequence : undefined,
  }
}

/** One of these runs, or occasionally one that may not exist. */
const pickRun = (candidates: ReadonlyArray<ModelState.Run>, which: number): number =>
  (which === Command.runs * 3 ? undefined : candidates[which % Math.max(1, candidates.length)]?.run) ??
  Command.runs - 1

/** A duration that all calls share becomes the `expiresAfter` of the suspension; others become an `until` per call. */
const pendingCallsOf = ({ now }: ModelState.State, calls: ReadonlyArray<Command.PendingCallCommand>) => {
  const [first] = calls
  const equal = calls.every(({ expiresAfter }) => expiresAfter === first?.expiresAfter)
  return {
    calls: calls.map(({ call, expiresAfter }) => ({
      call,
      until: equal || expiresAfter === null ? null : now + expiresAfter,
    })),
    expiresAfter: equal ? (first?.expiresAfter ?? null) : null,
  }
}

/** Milliseconds until the next lease lapses or the next wait ends; 1000 without either. */
const untilLapse = ({ now, runs }: ModelState.State): number => {
  const ends = runs
    .flatMap(({ lease, waiting, wakesAt }) => [lease?.until, wakesAt, ...waiting.map(({ until }) => until)])
    .filter((until): until is number => until != null && until > now)
  return ends.length === 0 ? 1000 : Math.min(...ends) - now
}

/** The number of a child, which no other run has. */
const childOf = (parent: number, child: number): number => 10 * (parent + 1) + child

/** How many messages a run has consumed. */
const takenOf = (state: ModelState.State, run: number, consumed: Command.TakenMessages): number | null => {
  const count = ModelState.find(state, run)?.inbox.length ?? 0
  return consumed === null ? null : consumed === "all" ? count : Math.max(0, count - 1)
}

/** What a run waits for; a time where it waits for nothing else. */
const waitsOf = (
  state: ModelState.State,
  run: number,
  { budget, children, inbox: consumed, time }: Extract<Command.Single, { readonly _tag: "Pause" }>,
) => {
  const indexes = Array.from({ length: ModelState.find(state, run)?.children ?? 0 }, (_, index) => index)
  const groups =
    children === null || indexes.length === 0
      ? []
      : children === "all"
        ? [indexes]
        : indexes.map((index) => [index])
  const inbox = takenOf(state, run, consumed)
  const isSomething = groups.length > 0 || inbox !== null || budget
  return { children: groups, inbox, budget, time: isSomething ? time : (time ?? 10_000) }
}

/** The request of the command now; undefined when there is no lease or run to apply it to. */
export const resolve = (progress: Progress, command: Command.Single): Request | undefined => {
  switch (command._tag) {
    case "Submit":
      // No worker claims it, so it has no limits of time.
      return command.driven ? { ...command, ttl: null, timeout: null } : command
    case "Claim":
      return command
    case "Cancel":
      return { _tag: "Cancel", run: pickRun(progress.state.runs, command.which) }
    case "Tell":
      return { _tag: "Tell", run: pickRun(progress.state.runs, command.which), key: command.key }
    case "Raise": {
      const asking = progress.state.runs.filter(ModelRules.isAsking)
      const run = asking[command.which % Math.max(1, asking.length)]
      return run && { _tag: "Raise", run: run.run, call: run.waiting[0]!.call, tokens: command.tokens }
    }
    case "Resume": {
      const waiting = progress.state.runs.filter(({ status }) => status === "waiting")
      const run = pickRun(waiting.length === 0 ? progress.state.runs : waiting, command.which)
      const { answers = {}, waiting: open = [] } = ModelState.find(progress.state, run) ?? {}
      const call = command.call ?? open[0]?.call ?? Object.keys(answers)[0] ?? "call-1"
      const others = command.all ? open.map((each) => each.call).filter((each) => each !== call) : []
      return {
        _tag: "Resume",
        run,
        answers: [call, ...others].map((each) => ({ call: each, result: command.result })),
      }
    }
    case "FollowUp": {
      const waiting = progress.state.runs.filter(({ status }) => status === "waiting")
      const run = pickRun(waiting.length === 0 ? progress.state.runs : waiting, command.which)
      const { answers = {}, waiting: open = [] } = ModelState.find(progress.state, run) ?? {}
      const calls = open.length === 0 ? Object.keys(answers) : open.map(({ call }) => call)
      const count = command.calls === "all" ? calls.length : command.calls === "first" ? 1 : 0
      return {
        _tag: "FollowUp",
        run,
        input: command.input,
        answers: calls.slice(0, count).map((call) => ({ call, result: command.result })),
      }
    }
    case "Append":
      return appendOf(progress, command)
    case "Renew": {
      const leases = command.leases.flatMap((each) => leaseOf(progress, each) ?? [])
      const first = leases[0]
      if (first === undefined) return undefined
      const { worker } = first.fence
      return {
        _tag: "Renew",
        worker,
        leases: leases.map(({ fence, run }) => ({ run, epoch: fence.epoch })),
        lease: command.duration,
      }
    }
    case "Pass":
      return {
        _tag: "Pass",
        millis:
          typeof command.until === "number"
            ? command.until
            : untilLapse(progress.state) - (command.until === "lapse" ? 0 : 1),
      }
    default: {
      const lease = leaseOf(progress, command.lease)
      if (lease === undefined) return undefined
      const { fence, run } = lease
      switch (command._tag) {
        case "Release":
          return { _tag: "Release", run, fence, counted: command.counted, delay: command.delay }
        case "Pause":
          return {
            _tag: "Pause",
            run,
            fence,
            ...waitsOf(progress.state, run, command),
            ...pendingCallsOf(progress.state, command.calls),
          }
        case "Spawn":
          return { _tag: "Spawn", run, fence, child: childOf(run, command.child) }
        case "Suspend":
          return { _tag: "Suspend", run, fence, ...pendingCallsOf(progress.state, command.calls) }
        case "Complete":
          return {
            _tag: "Complete",
            run,
            fence: command.trusted ? null : fence,
            status: command.status,
            consumed: takenOf(progress.state, run, command.consumed),
          }
        case "Session":
          return { _tag: "Session", run, fence, key: command.key }
      }
    }
  }
}
