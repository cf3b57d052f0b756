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
import { Predicate } from "effect"
import { maxOperations, type Operation } from "../Api/Exchange.js"
import { maxRenewals, type RenewManyOptions } from "../Api/Workers.js"

type Check = (value: unknown) => boolean

/** One check for each field that the schema names. */
type Fields = ReadonlyArray<readonly [name: string, check: Check]>

const isAnything: Check = () => true

const isText: Check = (value) => typeof value === "string"

// oxlint-disable-next-line no-control-regex -- control characters are what this refuses
const idPattern = /^[^\u0000-\u001f\u007f]{1,128}$/

const isId: Check = (value) => typeof value === "string" && idPattern.test(value) && value.isWellFormed()

const isWithin =
  (min: number, max: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max

const isCount = isWithin(0, Number.MAX_SAFE_INTEGER)

const isOneOf =
  (...texts: ReadonlyArray<string>): Check =>
  (value) =>
    typeof value === "string" && texts.includes(value)

const isListOf =
  (check: Check, max = Infinity): Check =>
  (value) =>
    Array.isArray(value) && value.length <= max && value.every(check)

/** A schema drops a field that it does not name, and a handler might read it: such a struct is left to the schema. */
const isStruct = (fields: Fields): Check => {
  const checks = new Map(fields)
  const required = fields.filter(([, check]) => !check(undefined)).map(([name]) => name)
  return (value) =>
    Predicate.isRecord(value) &&
    Object.keys(value).every((name) => checks.get(name)?.(value[name]) === true) &&
    required.every((name) => Object.hasOwn(value, name))
}

/** Absent or null. */
const nullish =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value)

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)

const lease: Fields = [
  ["run_id", isId],
  ["lease_epoch", nullish(isCount)],
]

const isLeaseSeconds = nullish(isWithin(5, 300))

const isEvents = isListOf(Predicate.isRecord)

/** The operations that a worker sends all the time. */
const operations: ReadonlyMap<unknown, Check> = new Map([
  [
    "claim",
    isStruct([
      ["operation", isAnything],
      ["lease_duration_seconds", isLeaseSeconds],
      ["limit", nullish(isWithin(1, 100))],
      ["agent_ids", nullish(isListOf(isId))],
      ["claim_id", nullish(isId)],
    ]),
  ],
  [
    "append",
    isStruct([
      ["operation", isAnything],
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
    ]),
  ],
])

export const isOperation = (value: unknown): value is Operation =>
  Predicate.isRecord(value) && operations.get(value["operation"])?.(value) === true

const isOperations = isListOf(isAnything, maxOperations)

export const isExchange = (body: unknown): body is { readonly operations: ReadonlyArray<unknown> } =>
  Predicate.isRecord(body) && isOperations(body["operations"])

const isRenewal = isStruct([
  ["run_ids", nullish(isListOf(isId))],
  ["leases", nullish(isListOf(isStruct(lease), maxRenewals))],
  ["lease_duration_seconds", isLeaseSeconds],
])

export const isRenewMany = (body: unknown): body is typeof RenewManyOptions.Type => isRenewal(body)
