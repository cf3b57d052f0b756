/**
 * The bodies of the hot routes, checked in plain code.
 *
 * A body that a check accepts is one that its schema accepts, with the same meaning. A check may refuse more than the
 * schema does: what it refuses goes to the schema, which decides and gives the reason.
 *
 * Source: docs/decisions/0049-hot-routes.md
 *
 * @since 0.1.0
 */
import { Claims, RunLog } from "@runlease/core"
import { Predicate } from "effect"
import { maxOperations, type Operation } from "../Api/Exchange.js"
import { maxAgents, maxRenewals, type RenewManyOptions } from "../Api/Workers.js"
import {
  type Check,
  type Fields,
  isAnything,
  isCount,
  isId,
  isListOf,
  isOneOf,
  isStruct,
  isText,
  isWithin,
  nullish,
  optional,
} from "../Wire/Check.js"

const lease: Fields = [
  ["run_id", isId],
  ["lease_epoch", nullish(isCount)],
]

const isLeaseSeconds = nullish(isWithin(5, 300))

const isEvents = isListOf(Predicate.isRecord, RunLog.maxBatch)

/** The operations that a worker sends all the time. */
const operations: ReadonlyMap<unknown, Check> = new Map([
  [
    "claim",
    isStruct([
      ["operation", isAnything],
      ["traceparent", optional(isText)],
      ["lease_duration_seconds", isLeaseSeconds],
      ["limit", nullish(isWithin(0, Claims.maxClaim))],
      ["ahead", nullish(isWithin(0, Claims.maxClaim))],
      ["agent_ids", nullish(isListOf(isId, maxAgents))],
      ["claim_id", nullish(isId)],
    ]),
  ],
  [
    "append",
    isStruct([
      ["operation", isAnything],
      ["traceparent", optional(isText)],
      ...lease,
      ["events", isEvents],
      ["expected_previous_event_id", nullish(isCount)],
      ["expected_previous_external_event_sequence", nullish(isCount)],
    ]),
  ],
  [
    "complete",
    isStruct([
      ["operation", isAnything],
      ["traceparent", optional(isText)],
      ...lease,
      ["status", isOneOf("completed", "failed", "cancelled")],
      ["metadata", nullish(Predicate.isRecord)],
      ["terminal_error_code", nullish(isText)],
      ["terminal_error_message", nullish(isText)],
      ["result", isAnything],
      [
        "last",
        optional(
          isStruct([
            ["events", isEvents],
            ["expected_previous_external_event_sequence", isCount],
          ]),
        ),
      ],
      ["taken_messages", optional(isCount)],
    ]),
  ],
])

export const isOperation = (value: unknown): value is Operation =>
  Predicate.isRecord(value) && operations.get(value["operation"])?.(value) === true

const isOperations = isListOf(isAnything, maxOperations)

export const isExchange = (body: unknown): body is { readonly operations: ReadonlyArray<unknown> } =>
  Predicate.isRecord(body) && isOperations(body["operations"])

const isRenewal = isStruct([
  ["run_ids", nullish(isListOf(isId, maxRenewals))],
  ["leases", nullish(isListOf(isStruct(lease), maxRenewals))],
  ["lease_duration_seconds", isLeaseSeconds],
])

export const isRenewMany = (body: unknown): body is typeof RenewManyOptions.Type => isRenewal(body)
