/**
 * Messages to a run that works. Each is an event of its log, which the control plane writes.
 *
 * Source: docs/decisions/0062-an-inbox.md
 */
import { Option, Schema } from "effect"
import type { LogEvent } from "./AgentEvent.js"
import { MessagePart } from "./RequestSnapshot.js"

/** The name of the event that has a message. The control plane writes it. */
export const messageEventName = "runlease.message"

/** The most messages of a run. */
export const maxMessages = 10_000

/**
 * A message. `number`: those of one run are counted from 1. `id` is the one that it has in the conversation of the run. `key` is the
 * `idempotencyKey` that its sender gave.
 */
export const InboxMessage = Schema.Struct({
  number: Schema.Positive.pipe(Schema.int()),
  id: Schema.String,
  key: Schema.optional(Schema.String),
  parts: Schema.Array(MessagePart),
})
export type InboxMessage = typeof InboxMessage.Type

const EventValue = Schema.Struct({
  number: InboxMessage.fields.number,
  message_id: Schema.String,
  idempotency_key: Schema.optional(Schema.String),
  parts: InboxMessage.fields.parts,
})

export const toEvent = ({ id, key, number, parts }: InboxMessage): LogEvent => ({
  type: "CUSTOM",
  name: messageEventName,
  value: {
    number,
    message_id: id,
    ...(key === undefined ? {} : { idempotency_key: key }),
    parts,
  } satisfies typeof EventValue.Encoded,
})

/** Whether an event has the name of a message. */
export const isMessage = ({ name, type }: LogEvent): boolean => type === "CUSTOM" && name === messageEventName

const decode = Schema.decodeUnknownOption(EventValue)

/** The message in an event of the control plane, if it has one. */
export const fromEvent = (event: LogEvent): Option.Option<InboxMessage> =>
  isMessage(event)
    ? Option.map(decode(event["value"]), ({ idempotency_key: key, message_id: id, number, parts }) => ({
        number,
        id,
        ...(key === undefined ? {} : { key }),
        parts,
      }))
    : Option.none()
