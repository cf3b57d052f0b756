/** Entries of a run's log on the wire. */
import { type AgentEvent, Run, RunLog } from "@runlease/core"
import { DateTime, ParseResult, Predicate, Schema } from "effect"
import { as, nullish, Timestamp } from "../Wire.js"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

/** Any object, unchanged. The log checks the rest. */
export const Event: Schema.Schema<AgentEvent.LogEvent> = Schema.declare(
  (value: unknown): value is AgentEvent.LogEvent =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  {
    identifier: "Event",
    description: "An AG-UI event: any object with a non-empty string `type`",
    message: () => "must be an object with a non-empty string `type`",
    jsonSchema: {
      type: "object",
      required: ["type"],
      properties: { type: { type: "string", minLength: 1 } },
    },
  },
)

const decodeEvents = ParseResult.decodeUnknown(Schema.Array(Event))

/**
 * The events of an append. A list that is too long for one passes unread: the log refuses it with its own error. A list of
 * objects passes as it is, since each delta passes here.
 */
export const Events: Schema.Schema<ReadonlyArray<AgentEvent.LogEvent>, unknown> = Schema.declare(
  [],
  {
    decode: () => (value, options) =>
      Array.isArray(value) && (value.length > RunLog.maxBatch || value.every(Predicate.isRecord))
        ? ParseResult.succeed(value as ReadonlyArray<AgentEvent.LogEvent>)
        : decodeEvents(value, options),
    encode: () => ParseResult.succeed,
  },
  {
    description: `1 to ${RunLog.maxBatch} events`,
    jsonSchema: WholeJsonSchema.of(Schema.Array(Event), { minItems: 1, maxItems: RunLog.maxBatch }),
  },
)

/** (ours) `external_event_sequence`: null for the control plane's own events. */
export const LogEntry = as<RunLog.LogEntry>()(
  Schema.Struct({
    event_id: Run.EventId,
    event_type: Schema.String,
    payload: Event,
    external_event_sequence: nullish(Run.Sequence),
    created_at: Timestamp,
  }),
  {
    decode: (wire) => ({
      eventId: wire.event_id,
      sequence: wire.external_event_sequence ?? null,
      event: wire.payload,
      createdAt: wire.created_at,
    }),
    encode: (entry) => ({
      event_id: entry.eventId,
      event_type: entry.event.type,
      payload: entry.event,
      external_event_sequence: entry.sequence,
      created_at: entry.createdAt,
    }),
  },
).annotations({ identifier: "LogEntry" })

/** As `LogEntry` encodes it, in plain code: for streams, which encode each entry as it comes. */
export const encode = ({
  createdAt,
  event,
  eventId,
  sequence,
}: RunLog.LogEntry): typeof LogEntry.Encoded => ({
  event_id: eventId,
  event_type: event.type,
  payload: event,
  external_event_sequence: sequence,
  created_at: DateTime.formatIso(createdAt),
})
