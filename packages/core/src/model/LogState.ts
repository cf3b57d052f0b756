/**
 * The open items of a log. A store has them next to the log, so that the end of a run, or its next attempt, can close them without
 * reading the log again.
 */
import { Option, Predicate, Schema } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import { attemptEventName, isAnswers } from "./AgentEvent.js"
import * as AgUiItems from "./AgUiItems.js"
import * as Count from "./Count.js"
import * as StepRecord from "./StepRecord.js"
import * as TokenUsage from "./TokenUsage.js"
import { costOf, tokensOf } from "./TreeBudget.js"

const OpenKind = Schema.Literal(
  "message",
  "tool",
  "step",
  "reasoning",
  "reasoningMessage",
  "subagent",
) satisfies Schema.Schema<AgUiItems.Kind>

/** `owner` is the subagent that a step belongs to; only its owner may finish it. */
const OpenItem = Schema.Struct({
  kind: OpenKind,
  id: Schema.String,
  owner: Schema.optional(Schema.String),
})
type OpenItem = typeof OpenItem.Type

/** A tool call that has ended and has no result. `owner` is its subagent. */
const Unanswered = Schema.Struct({ id: Schema.String, owner: Schema.optional(Schema.String) })
type Unanswered = typeof Unanswered.Type

/** What reports of usage add up to; `cost` is in millionths. */
const Reported = Schema.Struct({ tokens: Schema.NonNegativeInt, cost: Schema.NonNegativeInt })
type Reported = typeof Reported.Type

/** The largest number of items that are open, the latest ones: an executor may never close one. */
const maxOpen = 1_000

/** The largest number of calls without a result, the latest ones: an executor may never give a result. */
const maxUnanswered = 100

/**
 * `started`: the last of RUN_STARTED, RUN_FINISHED and RUN_ERROR was RUN_STARTED. `open` is in the order of
 * opening. `usage`: what requests to models used since then, if any did. `unanswered`: the calls without a result, if any.
 * `reported`: what requests to models used in all parts of the log, if any did. `progress`: the attempt has recorded a step that no
 * attempt before it had. `inbox`: how many messages the run has, if any. `between`: how many events have come since the last
 * part of the log ended, if any. `requests`: the steps of the requests to models that have begun and whose answers are neither recorded
 * nor reported, if any; a later attempt counts its own. `repeats`: the run whose records the log begins with, if it is that of a retry.
 */
export const LogState = Schema.Struct({
  started: Schema.Boolean,
  open: Schema.Array(OpenItem),
  usage: Schema.optional(Schema.Array(TokenUsage.TokenUsage)),
  unanswered: Schema.optional(Schema.Array(Unanswered)),
  progress: Schema.optional(Schema.Literal(true)),
  inbox: Schema.optional(Schema.NonNegativeInt),
  between: Schema.optional(Schema.Positive.pipe(Schema.int())),
  reported: Schema.optional(Reported),
  requests: Schema.optional(Schema.Array(Schema.String)),
  repeats: Schema.optional(Schema.String),
})
export type LogState = typeof LogState.Type

export const initial: LogState = { started: false, open: [] }
const begun: LogState = { started: true, open: [] }

/** A part of the log begins or ends: nothing is open. A store writes nothing for `initial` itself. */
const withoutItems = (started: boolean, { inbox, repeats, reported, requests }: LogState): LogState => {
  const empty = started ? begun : initial
  return (inbox ?? repeats ?? reported ?? requests) === undefined
    ? empty
    : {
        ...empty,
        ...(inbox === undefined ? {} : { inbox }),
        ...(repeats === undefined ? {} : { repeats }),
        ...(reported === undefined ? {} : { reported }),
        ...(requests === undefined ? {} : { requests }),
      }
}

/** The largest number of requests without an answer, the latest ones: an executor may make any number at once. */
const maxRequests = 100

const withRequests = (
  { requests: _requests, ...state }: LogState,
  requests: ReadonlyArray<string>,
): LogState => (requests.length === 0 ? state : { ...state, requests: requests.slice(-maxRequests) })

const stringIn = (value: unknown, field: string): string | undefined => {
  const found = Predicate.isRecord(value) ? value[field] : undefined
  return typeof found === "string" ? found : undefined
}

const answeredRequest = (state: LogState, id: string | undefined): LogState =>
  id !== undefined && state.requests?.includes(id) === true
    ? withRequests(
        state,
        state.requests.filter((other) => other !== id),
      )
    : state

/** The state after a mark of a request, the record of its answer, or a report of what it used. */
const withRequest = (state: LogState, { name, value }: LogEvent): LogState => {
  switch (name) {
    case StepRecord.requestEventName: {
      const id = stringIn(value, "step_id")
      const others = answeredRequest(state, id)
      const refused = Predicate.isRecord(value) && value["refused"] === true
      return id === undefined || refused ? others : withRequests(others, [...(others.requests ?? []), id])
    }
    case StepRecord.stepEventName:
      return answeredRequest(state, stringIn(value, "step_id"))
    case TokenUsage.eventName:
      return answeredRequest(state, stringIn(value, "request"))
    case attemptEventName:
      return withRequests(state, [])
    default:
      return state
  }
}

const noneReported: Reported = { tokens: 0, cost: 0 }

/** What the run has reported, in all of its attempts. */
export const reportedOf = ({ reported }: LogState): Reported => reported ?? noneReported

const withUsage = (state: LogState, event: LogEvent, used: TokenUsage.TokenUsage): LogState => {
  const { cost, tokens } = reportedOf(state)
  return {
    ...state,
    usage: TokenUsage.add(state.usage ?? [], used),
    reported: { tokens: Count.add(tokens, tokensOf(used)), cost: Count.add(cost, costOf(event)) },
  }
}

/** The state at the beginning of an attempt. */
export const withoutProgress = (state: LogState): LogState => {
  if (state.progress === undefined) return state
  const { progress: _progress, ...rest } = state
  return rest
}

type Use = AgUiItems.Use

const itemOf = ({ item: { field, kind } }: Use, event: LogEvent): OpenItem | undefined => {
  const id = event[field]
  if (typeof id !== "string") return undefined
  const owner = event["subagentRunId"]
  return kind === "step" && typeof owner === "string" ? { kind, id, owner } : { kind, id }
}

const same = (a: OpenItem, b: OpenItem) => a.kind === b.kind && a.id === b.id && a.owner === b.owner

/** Whether `event` opens something that is open already, or closes something that is not. */
export const misplaced = (state: LogState, event: LogEvent): boolean => {
  const use = AgUiItems.useOf(event.type)
  if (use === undefined || (use.action !== "opens" && use.action !== "closes")) return false
  const item = itemOf(use, event)
  return item !== undefined && state.open.some((open) => same(open, item)) === (use.action === "opens")
}

const withUnanswered = (
  { unanswered: _unanswered, ...state }: LogState,
  calls: ReadonlyArray<Unanswered>,
): LogState => (calls.length === 0 ? state : { ...state, unanswered: calls.slice(-maxUnanswered) })

const answered = (state: LogState, id: unknown): LogState => {
  const { unanswered } = state
  return unanswered?.some((call) => call.id === id) === true
    ? withUnanswered(
        state,
        unanswered.filter((call) => call.id !== id),
      )
    : state
}

const afterCustom = (state: LogState, event: LogEvent): LogState => {
  if (!state.started && (StepRecord.isReserved(event) || isAnswers(event))) {
    return { ...state, between: (state.between ?? 0) + 1 }
  }
  if (StepRecord.isProgress(event)) return state.progress === true ? state : { ...state, progress: true }
  return Option.match(TokenUsage.fromEvent(event), {
    onNone: () => state,
    onSome: (used) => withUsage(state, event, used),
  })
}

const afterOpening = (state: LogState, item: OpenItem | undefined): LogState =>
  item === undefined || state.open.some((open) => same(open, item))
    ? state
    : { ...state, open: [...state.open.slice(1 - maxOpen), item] }

const afterClosing = (state: LogState, item: OpenItem | undefined, event: LogEvent): LogState => {
  const index = item === undefined ? -1 : state.open.findIndex((open) => same(open, item))
  if (item === undefined || index < 0) return state
  const closed = { ...state, open: state.open.toSpliced(index, 1) }
  if (item.kind !== "tool") return closed
  const owner = event["subagentRunId"]
  const call = typeof owner === "string" ? { id: item.id, owner } : { id: item.id }
  return withUnanswered(closed, [...(state.unanswered ?? []), call])
}

/** The state after one more event. An event that opens and closes nothing returns the same object. */
export const next = (before: LogState, event: LogEvent): LogState => {
  switch (event.type) {
    case "CUSTOM":
      return afterCustom(withRequest(before, event), event)
    case "RUN_STARTED":
      return before.started ? before : withoutItems(true, before)
    case "RUN_FINISHED":
    case "RUN_ERROR":
      return withoutItems(false, before)
    case "TOOL_CALL_RESULT":
      return answered(before, event["toolCallId"])
    default: {
      const use = AgUiItems.useOf(event.type)
      if (use === undefined) return before
      if (use.action === "opens") return afterOpening(before, itemOf(use, event))
      return use.action === "closes" ? afterClosing(before, itemOf(use, event), event) : before
    }
  }
}

export const afterAll = (state: LogState, events: ReadonlyArray<LogEvent>): LogState =>
  events.reduce(next, state)

const closingOf = ({ id, kind, owner }: OpenItem): LogEvent => {
  if (kind === "subagent") {
    return {
      type: "SUBAGENT_ERROR",
      subagentRunId: id,
      message: "The attempt ended before this subagent did",
    }
  }
  const { closes, field } = AgUiItems.items[kind]
  const closing = { type: closes[0]!, [field]: id }
  return owner === undefined ? closing : { ...closing, subagentRunId: owner }
}

/** The events that close all that is open, last opened first. */
export const closings = (state: LogState): ReadonlyArray<LogEvent> => state.open.map(closingOf).toReversed()

/** How many requests to models have begun and have no answer that is recorded or reported. */
export const openRequests = ({ requests }: LogState): number => requests?.length ?? 0
