/**
 * The secret parts of an answer, as the JSON Schema of its question declares them: a store seals each, so that only the worker
 * that claims the run reads it.
 *
 * Source: docs/decisions/0148-secrets-in-answers.md
 */
import { Predicate } from "effect"
import * as ToolArguments from "./ToolArguments.js"

/** A part of a JSON value. `path`: the names and numbers that lead to it. */
export interface Part {
  readonly path: ReadonlyArray<string>
  readonly value: unknown
}

/** Begins the text in the place of a sealed part. */
export const prefix = "runlease-sealed:"

export const isSealed = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith(prefix)

/** The parts of a value that `is` accepts, and their parts no more. */
const partsOf = (
  value: unknown,
  is: (value: unknown, path: ReadonlyArray<string>) => boolean,
  path: ReadonlyArray<string> = [],
): ReadonlyArray<Part> => {
  if (is(value, path)) return [{ path, value }]
  return Predicate.isObject(value)
    ? Object.entries(value).flatMap(([name, inner]) => partsOf(inner, is, [...path, name]))
    : []
}

const at = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((inner, name) => (inner as Readonly<Record<string, unknown>>)[name], value)

/** The parts that the schema declares as secret, as `ToolArguments.isSecret` says. */
export const secretsIn = (schema: unknown, value: unknown): ReadonlyArray<Part> => {
  if (value === undefined) return []
  const shown = ToolArguments.withoutSecrets(schema, value)
  return partsOf(
    value,
    (inner, path) => inner !== ToolArguments.hidden && at(shown, path) === ToolArguments.hidden,
  )
}

/** The sealed parts of a value. */
export const sealedIn = (value: unknown): ReadonlyArray<Part> => partsOf(value, isSealed)

/** The value with other parts in these places. */
export const replaced = (value: unknown, parts: ReadonlyArray<Part>): unknown => {
  const here = parts.find(({ path }) => path.length === 0)
  if (here !== undefined) return here.value
  if (parts.length === 0 || !Predicate.isObject(value)) return value
  const inner = (name: string, of: unknown) =>
    replaced(
      of,
      parts.flatMap(({ path: [first, ...path], value }) => (first === name ? [{ path, value }] : [])),
    )
  return Array.isArray(value)
    ? value.map((item, index) => inner(String(index), item))
    : Object.fromEntries(Object.entries(value).map(([name, of]) => [name, inner(name, of)]))
}
