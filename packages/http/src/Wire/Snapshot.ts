/**
 * The request of a run on its way to the worker, checked and not rebuilt.
 *
 * @since 0.1.0
 */
import { Interrupt, RequestSnapshot } from "@runlease/core"
import { Predicate, Schema } from "effect"
import { atMost } from "../Wire.js"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

const isPart = (part: unknown): boolean =>
  Predicate.isRecord(part) && typeof part["type"] === "string" && part["type"] !== ""

const isMessage = (message: unknown): boolean =>
  Predicate.isRecord(message) &&
  typeof message["id"] === "string" &&
  typeof message["role"] === "string" &&
  ["string", "undefined"].includes(typeof message["createdAt"]) &&
  Array.isArray(message["parts"]) &&
  message["parts"].every(isPart)

const isTraceContext = Schema.is(RequestSnapshot.TraceContext)

const areAnswers = Schema.is(Schema.Array(Interrupt.Answer))

const isSnapshot = (value: unknown): value is RequestSnapshot.RequestSnapshot =>
  Predicate.isRecord(value) &&
  Array.isArray(value["messages"]) &&
  value["messages"].every(isMessage) &&
  Array.isArray(value["tools"]) &&
  Array.isArray(value["context"]) &&
  (value["traceContext"] === undefined || isTraceContext(value["traceContext"])) &&
  (value["resume"] === undefined || areAnswers(value["resume"]))

/** The most messages of a request. A message of the history may be an answer, so this is also the most answers of one. */
export const maxMessages = 20_000

/** The most parts of a message, and the most calls of one. */
export const maxParts = 1_000

/** The most tools of a request, and the most pieces of context. */
export const maxTools = 1_000

/** What a run carries from others is the server's to say, and is among the messages that a worker gets. */
const OnWire = RequestSnapshot.RequestSnapshot.omit("carries")

const { resume: _, ...fields } = OnWire.fields

/** The parts of a message. */
export const MessageParts = Schema.Array(RequestSnapshot.MessagePart).pipe(atMost(maxParts))

/** The answers of a run are those that were given while it waited. */
const noAnswers = Schema.Array(Interrupt.Answer).pipe(
  Schema.filter((answers) => answers.length === 0, {
    message: () => "must be left out; answers go to the run while it waits for them",
    jsonSchema: { maxItems: 0 },
  }),
)

/** The request of a run that is submitted, or of its next part. */
export const NewSnapshot: Schema.Schema<
  RequestSnapshot.RequestSnapshot,
  typeof RequestSnapshot.RequestSnapshot.Encoded
> = Schema.Struct({
  ...fields,
  messages: Schema.Array(
    Schema.Struct({ ...RequestSnapshot.SnapshotMessage.fields, parts: MessageParts }),
  ).pipe(atMost(maxMessages)),
  tools: Schema.Array(Schema.Unknown).pipe(atMost(maxTools)),
  context: Schema.Array(Schema.Unknown).pipe(atMost(maxTools)),
  resume: Schema.optional(noAnswers),
})

/** The checks of core's schema in plain code: a snapshot may be long, and to rebuild it costs more than to send it. */
export const Snapshot: Schema.Schema<RequestSnapshot.RequestSnapshot> = Schema.declare(isSnapshot, {
  identifier: "RequestSnapshot",
  message: () => "must be a request snapshot",
  jsonSchema: WholeJsonSchema.of(OnWire),
})
