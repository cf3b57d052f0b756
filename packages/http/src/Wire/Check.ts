/**
 * Checks of JSON in plain code, for what crosses the wire all the time: a check costs a small part of its schema.
 *
 * A check accepts only what its schema accepts. It may refuse more: then the schema decides.
 *
 * Source: docs/decisions/0049-hot-routes.md
 *
 * @since 0.1.0
 */
import { Predicate } from "effect"

export type Check = (value: unknown) => boolean

/** One check for each field that the schema names. */
export type Fields = ReadonlyArray<readonly [name: string, check: Check]>

export const isAnything: Check = () => true

export const isText: Check = (value) => typeof value === "string"

// oxlint-disable-next-line no-control-regex -- control characters are what this refuses
const idPattern = /^[^\u0000-\u001f\u007f]{1,128}$/

export const isId: Check = (value) =>
  typeof value === "string" && idPattern.test(value) && value.isWellFormed()

export const isWithin =
  (min: number, max: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max

export const isCount = isWithin(0, Number.MAX_SAFE_INTEGER)

export const isOneOf =
  (...texts: ReadonlyArray<string>): Check =>
  (value) =>
    typeof value === "string" && texts.includes(value)

export const isListOf =
  (check: Check, max = Infinity): Check =>
  (value) =>
    Array.isArray(value) && value.length <= max && value.every(check)

/** A schema drops a field that it does not name, and a handler might read it: such a struct is left to the schema. */
export const isStruct = (fields: Fields): Check => {
  const checks = new Map(fields)
  const required = fields.filter(([, check]) => !check(undefined)).map(([name]) => name)
  return (value) =>
    Predicate.isRecord(value) &&
    Object.keys(value).every((name) => checks.get(name)?.(value[name]) === true) &&
    required.every((name) => Object.hasOwn(value, name))
}

export const isUuid: Check = (value) =>
  typeof value === "string" &&
  /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/.test(value)

/** An instant as `Date.toISOString` writes it. Schema reads more forms. */
export const isTimestamp: Check = (value) =>
  typeof value === "string" &&
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
  !Number.isNaN(Date.parse(value))

export const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

/** Absent or null. */
export const nullish =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value)

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)

/** A struct that may hold other fields too, for a reader that takes the named ones only. */
export const hasFields =
  (fields: Fields): Check =>
  (value) =>
    Predicate.isRecord(value) && fields.every(([name, check]) => check(value[name]))
