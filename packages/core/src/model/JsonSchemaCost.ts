/**
 * A bound for the steps of a check of a value by a JSON Schema, before it is made.
 *
 * A part of the schema meets each part of the value once at most where the schema is a tree of keywords that are checked once. So the check
 * takes no more steps than the product of both sizes.
 */
import { Predicate } from "effect"

/** The largest schema that has a bound: its errors may nest as deep as it has parts. */
const maxSchema = 1000

/** The steps that a thread of other work has time for, in milliseconds. */
export const fewSteps = 20_000

/** The characters that take as long as one value. */
const charactersOfValue = 16

/** Keywords that no check reads. */
const unread = new Set(["$comment", "$defs", "$schema", "default", "description", "examples", "title"])

/** Keywords that are checked once, in a time that grows with their own value and the value alone. */
const plain = new Set([
  "const",
  "enum",
  "exclusiveMaximum",
  "exclusiveMinimum",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
  "multipleOf",
  "required",
  "type",
])

/** Keywords whose time the values do not bound, since a regular expression may backtrack. */
const backtracking = new Set(["format", "pattern"])

const definition = /^#\/\$defs\/([\w.-]+)$/

const sizeOfText = (text: string): number => 1 + Math.floor(text.length / charactersOfValue)

/** The size of a value of JSON: its values, and its texts by their length. Undefined above `most`. */
export const ofValue = (value: unknown, most: number): number | undefined => {
  let size = 0
  const isMeasured = (part: unknown): boolean => {
    size += Predicate.isString(part) ? sizeOfText(part) : 1
    if (size > most) return false
    if (Array.isArray(part)) return part.every(isMeasured)
    if (!Predicate.isRecord(part)) return true
    for (const key in part) {
      size += sizeOfText(key)
      if (!isMeasured(part[key])) return false
    }
    return true
  }
  return isMeasured(value) ? size : undefined
}

/**
 * The size of a schema with its references in their places: the steps of its check take at most this times the size of the value. Undefined
 * where there is no bound: the schema is large, refers to itself, or has a keyword that another time belongs to. `trusts` passes
 * regular expressions, for a schema whose author runs them on the value anyway.
 */
export const ofSchema = (schema: object, options: { readonly trusts?: boolean } = {}): number | undefined => {
  const definitions = Predicate.hasProperty(schema, "$defs") ? schema.$defs : undefined
  let size = 0
  const areMeasured = (values: ReadonlyArray<unknown>): boolean => values.every(isMeasured)
  const isMeasured = (node: unknown): boolean => {
    size += 1
    if (size > maxSchema) return false
    if (typeof node === "boolean") return true
    if (!Predicate.isRecord(node)) return false
    for (const keyword in node) {
      const value = node[keyword]
      if (unread.has(keyword)) continue
      switch (keyword) {
        case "properties": {
          if (!Predicate.isRecord(value)) return false
          size += Object.keys(value).reduce((total, name) => total + sizeOfText(name), 0)
          if (!areMeasured(Object.values(value))) return false
          break
        }
        case "items":
        case "additionalProperties":
          if (!isMeasured(value)) return false
          break
        case "allOf":
        case "anyOf":
        case "oneOf":
        case "prefixItems":
          if (!Array.isArray(value) || !areMeasured(value)) return false
          break
        case "$ref": {
          const name = definition.exec(String(value))?.[1]
          if (name === undefined || !Predicate.isRecord(definitions) || !isMeasured(definitions[name]))
            return false
          break
        }
        default: {
          if (!plain.has(keyword) && !(options.trusts === true && backtracking.has(keyword))) return false
          const own = ofValue(value, maxSchema - size)
          if (own === undefined) return false
          size += own
        }
      }
    }
    return size <= maxSchema
  }
  return isMeasured(schema) ? size : undefined
}
