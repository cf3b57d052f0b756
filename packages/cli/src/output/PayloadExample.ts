/**
 * The payload of an agent as the argument of `runlease submit`, to be filled in.
 */
import { Predicate } from "effect"

/** A value of the shape of a JSON Schema, to be filled in. */
const exampleOf = (schema: unknown): unknown => {
  if (!Predicate.isRecord(schema)) return null
  const { enum: values, exclusiveMinimum, minimum, properties, required, type } = schema
  if (Array.isArray(values)) return values[0]
  if (type === "string") return "…"
  if (type === "boolean") return false
  if (type === "array") return []
  if (type === "integer" || type === "number") {
    return Predicate.isNumber(exclusiveMinimum) ? exclusiveMinimum + 1 : (minimum ?? 0)
  }
  if (!Array.isArray(required) || !Predicate.isRecord(properties)) return type === "object" ? {} : null
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name])]))
}

/** What to submit: the payload of an agent that has a form, else a text. */
export const of = (form: unknown): string =>
  form === undefined ? "hello" : `--input '${JSON.stringify(exampleOf(form)).replaceAll("'", "'\\''")}'`
