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

const isTraceContext = Schema.is(Schema.UndefinedOr(RequestSnapshot.TraceContext))

const areAnswers = Schema.is(Schema.UndefinedOr(Schema.Array(Interrupt.Answer)))

/** The checks of core's schema in plain code: a snapshot may be long, and to rebuild it costs more than to send it. */
export const Snapshot: Schema.Schema<RequestSnapshot.RequestSnapshot> = Schema.declare(
  (value: unknown): value is RequestSnapshot.RequestSnapshot =>
    Predicate.isRecord(value) &&
    Array.isArray(value["messages"]) &&
    value["messages"].every(isMessage) &&
    Array.isArray(value["tools"]) &&
    Array.isArray(value["context"]) &&
    isTraceContext(value["traceContext"]) &&
    areAnswers(value["resume"]),
  {
    identifier: "RequestSnapshot",
    message: () => "must be a request snapshot",
    jsonSchema: WholeJsonSchema.of(RequestSnapshot.RequestSnapshot),
  },
)
