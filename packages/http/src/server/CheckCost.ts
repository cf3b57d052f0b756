/**
 * Whether a check of a value by a JSON Schema costs little for certain: then it needs no watch over its time.
 *
 * @since 0.1.0
 */
import { Predicate } from "effect"

/** The most nodes of a schema, with its references in their places, and the most values in a value. */
const most = 1000

/** Keywords that are checked once, in a time that grows with the value alone. A `pattern` or a `format` may backtrack. */
const plain = new Set([
  "$defs",
  "$schema",
  "const",
  "default",
  "description",
  "enum",
  "examples",
  "exclusiveMaximum",
  "exclusiveMinimum",
  "maxItems",
  "maxLength",
  "maximum",
  "minItems",
  "minLength",
  "minimum",
  "multipleOf",
  "required",
  "title",
  "type",
])

const definition = /^#\/\$defs\/([\w.-]+)$/

/** Whether a schema has up to 1,000 nodes of keywords that are checked once. One that refers to itself has no end. */
export const isPlain = (schema: object): boolean => {
  const definitions = Predicate.hasProperty(schema, "$defs") ? schema.$defs : undefined
  let left = most
  const isRead = (node: unknown): boolean => {
    if (typeof node === "boolean") return true
    left -= 1
    if (left < 0 || !Predicate.isRecord(node)) return false
    return Object.entries(node).every(([keyword, value]) => {
      switch (keyword) {
        case "properties":
          return Predicate.isRecord(value) && Object.values(value).every(isRead)
        case "items":
        case "additionalProperties":
          return isRead(value)
        case "anyOf":
          return Array.isArray(value) && value.every(isRead)
        case "$ref": {
          const name = definition.exec(String(value))?.[1]
          return name !== undefined && Predicate.isRecord(definitions) && isRead(definitions[name])
        }
        default:
          return plain.has(keyword)
      }
    })
  }
  return isRead(schema)
}

/** Whether there are up to 1,000 values in a value of JSON. */
export const isSmall = (value: unknown): boolean => {
  let left = most
  const isRead = (node: unknown): boolean => {
    left -= 1
    return left >= 0 && (!Predicate.isObject(node) || Object.values(node).every(isRead))
  }
  return isRead(value)
}
