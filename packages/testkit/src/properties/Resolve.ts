/**
 * What a command asks for in the state that the history has come to.
 *
 * @since 0.1.0
 */
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Command from "./Command.js"
import * as Model from "./Model.js"
import type { Fence, Request } from "./Request.js"

/** A lease that was given: its run, who got it, and under which epoch. */
export interface Given {
  readonly run: number
  readonly worker: number
  readonly epoch: number
}

export interface Past {
  readonly state: Model.State
  /** In the order given. */
  readonly given: ReadonlyArray<Given>
  /** Names the command, so that every event is one of a kind. */
  readonly name: string
}

const leaseOf = (
  past: Past,
  { as, back }: Command.LeaseCommand,
): { run: number; fence: Fence } | undefined => {
  const given = past.given.at(-1 - (back % Math.max(1, past.given.length)))
  if (given === undefined) return undefined
  const { epoch, run, worker } = given
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

const appendOf = (past: Past, command: Command.AppendCommand): Request | undefined => {
  const held = leaseOf(past, command.lease)
  const run = held === undefined ? undefined : Model.find(past.state, held.run)
  if (held === undefined || run === undefined) return undefined
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
  const events = kinds.map((kind, index) => eventOf(kind, `${past.name}.${index + 1}`, log.open.at(-1)))
  const first = after[0]
  const id = first === undefined ? log.entries.length + sequence - log.sequence : first.id - 1
  return {
    _tag: "Append",
    run: held.run,
    fence: command.trusted ? null : held.fence,
    events: [...copies, ...events],
    expectedEventId: command.cursor === "event" || command.cursor === "both" ? id : undefined,
    expectedSequence: command.cursor === "sequence" || command.cursor === "both" ? sequence : undefined,
  }
}

/** One of the runs that are there, or now and then one that may not be. */
const anyOf = (found: ReadonlyArray<Model.Run>, which: number): number =>
  (which === Command.runs * 3 ? undefined : found[which % Math.max(1, found.length)]?.run) ?? Command.runs - 1

/** A time that all have is told once, by its length; another by its end. */
const askedOf = ({ now }: Model.State, asked: ReadonlyArray<Command.AskedCommand>) => {
  const [first] = asked
  const alike = asked.every(({ expiresAfter }) => expiresAfter === first?.expiresAfter)
  return {
    asked: asked.map(({ call, expiresAfter }) => ({
      call,
      until: alike || expiresAfter === null ? null : now + expiresAfter,
    })),
    expiresAfter: alike ? (first?.expiresAfter ?? null) : null,
  }
}

/** How long until the next lease lapses or wait ends, or a second when none will. */
const untilLapse = ({ now, runs }: Model.State): number => {
  const ends = runs
    .flatMap(({ lease, waiting }) => [lease?.until, ...waiting.map(({ until }) => until)])
    .filter((until): until is number => until != null && until > now)
  return ends.length === 0 ? 1000 : Math.min(...ends) - now
}

/** What the command asks for now; undefined when it means nothing yet. */
export const resolve = (past: Past, command: Command.Single): Request | undefined => {
  switch (command._tag) {
    case "Submit":
    case "Claim":
      return command
    case "Cancel":
      return { _tag: "Cancel", run: anyOf(past.state.runs, command.which) }
    case "Resume": {
      const waiting = past.state.runs.filter(({ status }) => status === "waiting")
      const run = anyOf(waiting.length === 0 ? past.state.runs : waiting, command.which)
      const { answers = {}, waiting: open = [] } = Model.find(past.state, run) ?? {}
      const call = command.call ?? open[0]?.call ?? Object.keys(answers)[0] ?? "call-1"
      const others = command.all ? open.map((each) => each.call).filter((each) => each !== call) : []
      return {
        _tag: "Resume",
        run,
        answers: [call, ...others].map((each) => ({ call: each, result: command.result })),
      }
    }
    case "FollowUp": {
      const waiting = past.state.runs.filter(({ status }) => status === "waiting")
      const run = anyOf(waiting.length === 0 ? past.state.runs : waiting, command.which)
      const { answers = {}, waiting: open = [] } = Model.find(past.state, run) ?? {}
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
      return appendOf(past, command)
    case "Renew": {
      const leases = command.leases.flatMap((each) => leaseOf(past, each) ?? [])
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
            : untilLapse(past.state) - (command.until === "lapse" ? 0 : 1),
      }
    default: {
      const held = leaseOf(past, command.lease)
      if (held === undefined) return undefined
      const { fence, run } = held
      switch (command._tag) {
        case "Release":
          return { _tag: "Release", run, fence, counted: command.counted, delay: command.delay }
        case "Suspend":
          return { _tag: "Suspend", run, fence, ...askedOf(past.state, command.asked) }
        case "Complete":
          return { _tag: "Complete", run, fence: command.trusted ? null : fence, status: command.status }
        case "Session":
          return { _tag: "Session", run, fence, key: command.key }
      }
    }
  }
}
