/**
 * The records of steps: CUSTOM events of a run's log, written under its lease.
 *
 * Source: docs/decisions/0057-steps.md
 */
import { Option, Predicate, Schema } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import { RunId } from "./Ids.js"
import { sha256 } from "./Digest.js"
import { isMessage } from "./InboxMessage.js"
import { canonicalJson } from "./Json.js"
import * as RecordParts from "./RecordParts.js"

/** The name of the event that has the result or the failure of a step. */
export const stepEventName = "runlease.step"

/** The name of the event that says that a step which must not happen twice is about to happen. */
export const intentEventName = "runlease.intent"

/** The name of the event that says that a run sleeps from then on, or until a time. */
export const sleepEventName = "runlease.sleep"

/** The name of the event that says that a run has spawned a child, or that the child has ended. The control plane writes it. */
export const childEventName = "runlease.child"

/** The name of the event that says which messages a step has consumed. */
export const inboxEventName = "runlease.inbox"

/** The name of the event that says that a request to a model is about to be made, or that its server has refused it. */
export const requestEventName = "runlease.request"

const kinds = {
  [stepEventName]: "step",
  [intentEventName]: "intent",
  [sleepEventName]: "sleep",
  [childEventName]: "child",
  [inboxEventName]: "inbox",
  [requestEventName]: "request",
} as const

/** The names of the events that have records. */
export type RecordName = keyof typeof kinds

const isName = (name: unknown): name is RecordName => typeof name === "string" && Object.hasOwn(kinds, name)

/**
 * What a record says. `result` and `failure` are JSON text, or what the codec of that name has made of it; a step without a value has neither. `record_id` is the record's
 * own, by which its writer knows that it is in the log. `messages` and `tool_calls` are the ids of those that the step has opened; the last part has them.
 * A sleep has either `duration_ms`, counted from its event, or `until`, an instant of UTC. A child has its run's id, and its index among
 * the children of its parent unless it is detached. A step that has consumed messages has the numbers of those after `after`, up to `to`.
 */
export const StepRecord = Schema.Struct({
  step_id: Schema.String,
  record_id: Schema.String,
  name: Schema.String,
  key: Schema.optional(Schema.Unknown),
  codec: Schema.optional(Schema.String),
  result: Schema.optional(Schema.String),
  failure: Schema.optional(Schema.String),
  messages: Schema.optional(Schema.Array(Schema.String)),
  tool_calls: Schema.optional(Schema.Array(Schema.String)),
  /** Of a record in several events, which have one `record_id`: which one this is, from 1, and how many there are. */
  part: Schema.optional(Schema.NonNegativeInt),
  parts: Schema.optional(Schema.NonNegativeInt),
  replaces: Schema.optional(Schema.String),
  duration_ms: Schema.optional(Schema.NonNegative),
  until: Schema.optional(Schema.DateTimeUtc),
  child_run_id: Schema.optional(RunId),
  index: Schema.optional(Schema.NonNegativeInt),
  after: Schema.optional(Schema.NonNegativeInt),
  to: Schema.optional(Schema.NonNegativeInt),
  /** Of a request to a model: its server has refused it. */
  refused: Schema.optional(Schema.Literal(true)),
})
export type StepRecord = typeof StepRecord.Type

export type Encoded = typeof StepRecord.Encoded

/** A step by its enclosing step, its name and its key. `key` is a value of JSON. */
export interface StepName {
  /** The id of the enclosing step. */
  readonly within: string | undefined
  readonly name: string
  readonly key: unknown
}

/** The id of a step: 32 hex digits, the same in each attempt. */
export const stepIdOf = ({ key, name, within }: StepName): string =>
  sha256(canonicalJson([within ?? null, name, key ?? null])).slice(0, 32)

/** Whether an event has the name of a record or of a message to the run: no executor may write one by itself. */
export const isReserved = (event: LogEvent): boolean =>
  event.type === "CUSTOM" && (isName(event["name"]) || isMessage(event))

/** The id of the record that an event with such a name has, if it has one. */
export const recordIdOf = ({ value }: LogEvent): string | undefined =>
  Predicate.isRecord(value) && typeof value["record_id"] === "string" ? value["record_id"] : undefined

/** A record, and whether it is that of a step that is done, the intent of one, a sleep, a child, consumed messages, or a request to a model. */
export interface EventRecord {
  readonly kind: (typeof kinds)[RecordName]
  readonly record: StepRecord
}

/**
 * Whether an event records a step, a sleep, a child or consumed messages for the first time: a later attempt will not do that again.
 * Of a record in parts it is the last one.
 */
export const isProgress = ({ name, type, value }: LogEvent): boolean =>
  type === "CUSTOM" &&
  isName(name) &&
  name !== intentEventName &&
  name !== requestEventName &&
  Predicate.isRecord(value) &&
  typeof value["step_id"] === "string" &&
  value["replaces"] === undefined &&
  value["part"] === value["parts"]

const decode = Schema.decodeUnknownOption(StepRecord)

/** The record in an event, if it has one. */
export const fromEvent = ({ name, type, value }: LogEvent): Option.Option<EventRecord> =>
  type === "CUSTOM" && isName(name)
    ? Option.map(decode(value), (record) => ({ kind: kinds[name], record }))
    : Option.none()

/**
 * A function that takes the next event of a log, and returns the record that is whole with it, if one is. It reads a log from its beginning.
 */
export const reader = (): ((event: LogEvent) => EventRecord | undefined) => {
  const whole = RecordParts.make<StepRecord>()
  return (event) => {
    const read = Option.getOrUndefined(fromEvent(event))
    const record = read === undefined ? undefined : whole(read.record)
    return read === undefined || record === undefined ? undefined : { kind: read.kind, record }
  }
}
