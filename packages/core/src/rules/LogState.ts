/**
 * The open items of a log. A store has them beside the log, so that the end of a run, or its next attempt, can close them without
 * reading the log again.
 *
 * @since 0.1.0
 */
import { Option, Schema } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import * as StepRecord from "../model/StepRecord.js"
import * as TokenUsage from "../model/TokenUsage.js"
import { costOf, tokensOf } from "../model/TreeBudget.js"

const OpenKind = Schema.Literal("message", "tool", "step", "reasoning", "reasoningMessage", "subagent")
type OpenKind = typeof OpenKind.Type

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

/** The largest number of calls without a result, the latest ones: an executor may never give a result. */
const maxUnanswered = 100

/**
 * `started`: the last of RUN_STARTED, RUN_FINISHED and RUN_ERROR was RUN_STARTED. `open` is in the order of
 * opening. `usage`: what requests to models used since then, if any did. `unanswered`: the calls without a result, if any.
 * `reported`: what requests to models used in all parts of the log, if any did. `progress`: the attempt has recorded a step that no
 * attempt before it had. `inbox`: how many messages the run has been told, if any. `between`: how many events have come since the last
 * part of the log ended, if any.
 *
 * @since 0.1.0
 * @category models
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
})
export type LogState = typeof LogState.Type

export const initial: LogState = { started: false, open: [] }
const begun: LogState = { started: true, open: [] }

/** A part of the log begins or ends: nothing is open. A store writes nothing for `initial` itself. */
const withoutItems = (started: boolean, { inbox, reported }: LogState): LogState => {
  const empty = started ? begun : initial
  return inbox === undefined && reported === undefined
    ? empty
    : {
        ...empty,
        ...(inbox === undefined ? {} : { inbox }),
        ...(reported === undefined ? {} : { reported }),
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
    reported: { tokens: tokens + tokensOf(used), cost: cost + costOf(event) },
  }
}

/**
 * The state at the beginning of an attempt.
 *
 * @since 0.1.0
 * @category folding
 */
export const withoutProgress = (state: LogState): LogState => {
  if (state.progress === undefined) return state
  const { progress: _progress, ...rest } = state
  return rest
}

const opens: Record<string, readonly [OpenKind, string]> = {
  TEXT_MESSAGE_START: ["message", "messageId"],
  TOOL_CALL_START: ["tool", "toolCallId"],
  STEP_STARTED: ["step", "stepName"],
  REASONING_START: ["reasoning", "messageId"],
  REASONING_MESSAGE_START: ["reasoningMessage", "messageId"],
  SUBAGENT_STARTED: ["subagent", "subagentRunId"],
}

const closes: Record<string, readonly [OpenKind, string]> = {
  TEXT_MESSAGE_END: ["message", "messageId"],
  TOOL_CALL_END: ["tool", "toolCallId"],
  STEP_FINISHED: ["step", "stepName"],
  REASONING_END: ["reasoning", "messageId"],
  REASONING_MESSAGE_END: ["reasoningMessage", "messageId"],
  SUBAGENT_FINISHED: ["subagent", "subagentRunId"],
  SUBAGENT_ERROR: ["subagent", "subagentRunId"],
}

const itemOf = (
  table: Record<string, readonly [OpenKind, string]>,
  event: LogEvent,
): OpenItem | undefined => {
  if (!Object.hasOwn(table, event.type)) return undefined
  const [kind, field] = table[event.type]!
  const id = event[field]
  if (typeof id !== "string") return undefined
  const owner = event["subagentRunId"]
  return kind === "step" && typeof owner === "string" ? { kind, id, owner } : { kind, id }
}

const same = (a: OpenItem, b: OpenItem) => a.kind === b.kind && a.id === b.id && a.owner === b.owner

/** Whether `event` opens something that is open already, or closes something that is not. */
export const misplaced = (state: LogState, event: LogEvent): boolean => {
  const opening = itemOf(opens, event)
  if (opening !== undefined) return state.open.some((item) => same(item, opening))
  const closing = itemOf(closes, event)
  return closing !== undefined && !state.open.some((item) => same(item, closing))
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

/**
 * The state after one more event. An event that opens and closes nothing gives the same object back.
 *
 * @since 0.1.0
 * @category folding
 */
export const next = (state: LogState, event: LogEvent): LogState => {
  if (event.type === "RUN_STARTED") return state.started ? state : withoutItems(true, state)
  if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") return withoutItems(false, state)
  const opening = itemOf(opens, event)
  if (opening !== undefined) {
    return state.open.some((item) => same(item, opening))
      ? state
      : { ...state, open: [...state.open, opening] }
  }
  if (event.type === "TOOL_CALL_RESULT") return answered(state, event["toolCallId"])
  const closing = itemOf(closes, event)
  if (closing === undefined) {
    if (event.type !== "CUSTOM") return state
    if (!state.started && StepRecord.isReserved(event)) {
      return { ...state, between: (state.between ?? 0) + 1 }
    }
    if (StepRecord.isProgress(event)) return state.progress === true ? state : { ...state, progress: true }
    return Option.match(TokenUsage.fromEvent(event), {
      onNone: () => state,
      onSome: (used) => withUsage(state, event, used),
    })
  }
  const index = state.open.findIndex((item) => same(item, closing))
  if (index < 0) return state
  const closed = { ...state, open: state.open.toSpliced(index, 1) }
  if (closing.kind !== "tool") return closed
  const owner = event["subagentRunId"]
  const call = typeof owner === "string" ? { id: closing.id, owner } : { id: closing.id }
  return withUnanswered(closed, [...(state.unanswered ?? []), call])
}

export const afterAll = (state: LogState, events: ReadonlyArray<LogEvent>): LogState =>
  events.reduce(next, state)

const closingOf = (item: OpenItem): LogEvent => {
  switch (item.kind) {
    case "message":
      return { type: "TEXT_MESSAGE_END", messageId: item.id }
    case "tool":
      return { type: "TOOL_CALL_END", toolCallId: item.id }
    case "step":
      return item.owner === undefined
        ? { type: "STEP_FINISHED", stepName: item.id }
        : { type: "STEP_FINISHED", stepName: item.id, subagentRunId: item.owner }
    case "reasoning":
      return { type: "REASONING_END", messageId: item.id }
    case "reasoningMessage":
      return { type: "REASONING_MESSAGE_END", messageId: item.id }
    case "subagent":
      return {
        type: "SUBAGENT_ERROR",
        subagentRunId: item.id,
        message: "The attempt ended before this subagent did",
      }
  }
}

/**
 * The events that close all that is open, last opened first.
 *
 * @since 0.1.0
 * @category folding
 */
export const closings = (state: LogState): ReadonlyArray<LogEvent> => state.open.map(closingOf).toReversed()

/**
 * How many answers of a model are in their middle: 1 where a message, a reasoning message or a call is open. Answers at once count as one,
 * since one answer may have several of these open.
 *
 * @since 0.1.0
 * @category folding
 */
export const openAnswers = ({ open }: LogState): 0 | 1 =>
  open.some(({ kind }) => kind === "message" || kind === "reasoningMessage" || kind === "tool") ? 1 : 0
