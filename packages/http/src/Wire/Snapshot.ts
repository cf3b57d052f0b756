/**
 * The request of a run on its way to the worker, checked and not rebuilt.
 *
 * @since 0.1.0
 */
import { Interrupt, RequestSnapshot } from "@runlease/core"
import { Predicate, Schema } from "effect"
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

export const isSnapshot = (value: unknown): value is RequestSnapshot.RequestSnapshot =>
  Predicate.isRecord(value) &&
  Array.isArray(value["messages"]) &&
  value["messages"].every(isMessage) &&
  Array.isArray(value["tools"]) &&
  Array.isArray(value["context"]) &&
  (value["traceContext"] === undefined || isTraceContext(value["traceContext"])) &&
  (value["resume"] === undefined || areAnswers(value["resume"]))

/** The checks of core's schema in plain code: a snapshot may be long, and to rebuild it costs more than to send it. */
export const Snapshot: Schema.Schema<RequestSnapshot.RequestSnapshot> = Schema.declare(isSnapshot, {
  identifier: "RequestSnapshot",
  message: () => "must be a request snapshot",
  jsonSchema: WholeJsonSchema.of(RequestSnapshot.RequestSnapshot),
})
