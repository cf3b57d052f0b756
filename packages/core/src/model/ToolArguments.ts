/** The arguments of a tool call, as a question about the call shows them: bounded in size, and without their secrets. */
import { Predicate } from "effect"

type JsonObject = Readonly<Record<string, unknown>>

/** The text in the place of a secret. */
export const hidden = "<redacted>"

/** The largest arguments in a question, in bytes of JSON. Several questions of one wait share ten times as much. */
export const maxBytes = 16_384

/** The room for the arguments of each of `questions` questions of one wait, in bytes of JSON. */
export const roomFor = (questions: number): number =>
  Math.min(maxBytes, Math.floor((10 * maxBytes) / Math.max(1, questions)))

const encoder = new TextEncoder()

const sizeOf = (value: unknown): number => encoder.encode(JSON.stringify(value) ?? "").length

/** At most `max` UTF-16 units of a text, with the number of omitted characters. */
export const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more characters)`

/**
 * A JSON value of at most `max` bytes. Its long texts are cut first, so that a long argument hides no other one. A value that is still too
 * large becomes the beginning of its JSON text. What is cut says how much is left out.
 */
export const bounded = (value: unknown, max: number = maxBytes): unknown => {
  if (sizeOf(value) <= max) return value
  for (let length = Math.floor(max / 2); length >= 16; length = Math.floor(length / 2)) {
    const shorter: unknown = JSON.parse(
      JSON.stringify(value, (_key, inner: unknown) =>
        typeof inner === "string" ? cut(inner, length) : inner,
      ),
    )
    if (sizeOf(shorter) <= max) return shorter
  }
  // A unit of a JSON text takes six bytes at most within another one.
  return cut(JSON.stringify(value), Math.max(0, Math.floor((max - 64) / 6)))
}

/** Whether a JSON Schema declares its value as secret: by `writeOnly: true` or `format: "password"`. */
export const isSecret = (schema: object): boolean =>
  ("writeOnly" in schema && schema.writeOnly === true) || ("format" in schema && schema.format === "password")

const alternatives = ["allOf", "anyOf", "oneOf"]

/** The schema that a local `$ref` names; undefined for any other one. */
const referenced = (root: JsonObject, ref: unknown): unknown =>
  typeof ref !== "string" || !/^#(\/|$)/.test(ref)
    ? undefined
    : ref
        .split("/")
        .slice(1)
        .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))
        .reduce<unknown>((at, name) => (Predicate.isRecord(at) ? at[name] : undefined), root)

/** How deep and how many parts of a schema are followed. The value of a part beyond that is hidden, since it may be a secret. */
const maxDepth = 64
const maxParts = 10_000

interface Walk {
  readonly root: JsonObject
  parts: number
}

const hide = (walk: Walk, schema: unknown, value: unknown, depth: number): unknown => {
  if (!Predicate.isRecord(schema) || value == null) return value
  walk.parts += 1
  if (isSecret(schema) || depth > maxDepth || walk.parts > maxParts) return hidden
  const parts = alternatives.flatMap((name) => (Array.isArray(schema[name]) ? schema[name] : []))
  const masked = [referenced(walk.root, schema["$ref"]), ...parts].reduce<unknown>(
    (inner, part) => hide(walk, part, inner, depth + 1),
    value,
  )
  if (Array.isArray(masked)) return masked.map((item) => hide(walk, schema["items"], item, depth + 1))
  if (!Predicate.isRecord(masked)) return masked
  const properties = Predicate.isRecord(schema["properties"]) ? schema["properties"] : {}
  return Object.fromEntries(
    Object.entries(masked).map(([name, inner]) => {
      const of = Object.hasOwn(properties, name) ? properties[name] : schema["additionalProperties"]
      return [name, hide(walk, of, inner, depth + 1)]
    }),
  )
}

/** A value with `hidden` in the place of what its JSON Schema declares as secret. Null stays, since it reveals nothing. */
export const withoutSecrets = (schema: unknown, value: unknown): unknown =>
  hide({ root: Predicate.isRecord(schema) ? schema : {}, parts: 0 }, schema, value, 0)
