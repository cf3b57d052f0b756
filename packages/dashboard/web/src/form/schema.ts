/** Fields of a form, from a JSON Schema. A value that no field can show is entered as JSON. */

export type Schema = Readonly<Record<string, unknown>>

interface Base {
  readonly name: string
  readonly label: string
  readonly help: string | undefined
  readonly required: boolean
  /** Whether its value is null where it is left empty. */
  readonly nullWhenEmpty: boolean
}

export type Field = Base &
  (
    | {
        readonly kind: "text"
        readonly long: boolean
        readonly minLength: number | undefined
        readonly maxLength: number | undefined
        readonly pattern: string | undefined
        readonly format: string | undefined
      }
    | {
        readonly kind: "number"
        readonly whole: boolean
        readonly min: number | undefined
        readonly max: number | undefined
      }
    | { readonly kind: "boolean" }
    | { readonly kind: "choice"; readonly options: ReadonlyArray<string | number | boolean | null> }
    | { readonly kind: "list" }
    | { readonly kind: "object"; readonly fields: ReadonlyArray<Field> }
    | { readonly kind: "json" }
  )

export type Values = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

/** `base_branch` and `baseBranch` as people write it: `Base branch`. */
export const labelOf = (name: string): string => {
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll(/[_-]+/g, " ")
    .trim()
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The definitions of a schema, by their names. */
type Definitions = Readonly<Record<string, unknown>>

const definitionsOf = (schema: Schema | undefined): Definitions => {
  const definitions = schema?.["$defs"]
  return isObject(definitions) ? definitions : {}
}

const definition = /^#\/\$defs\/([^/]+)$/

/** The schema of a definition that a reference names, with the other members of the reference. */
const resolve = (schema: Schema, definitions: Definitions, depth = 0): Schema => {
  const reference = schema["$ref"]
  const name = typeof reference === "string" ? definition.exec(reference)?.[1] : undefined
  const target = name === undefined ? undefined : definitions[decodeURIComponent(name)]
  if (!isObject(target) || depth > deepest) return schema
  const { $ref: _, ...members } = schema
  return { ...resolve(target, definitions, depth + 1), ...members }
}

const isNull = (schema: unknown): boolean => isObject(schema) && schema["type"] === "null"

/** The title that a person has written. The checks of Effect have titles as well, such as `int` and `between(1, 5)`. */
const titleOf = (schema: Schema): string | undefined => {
  const title = text(schema["title"])
  return title === undefined || /^[a-z]\w*(?:\(.*\))?$/.test(title) ? undefined : title
}

/** A type that may be null as well is that type, and not required. */
const withoutNull = (
  schema: Schema,
  definitions: Definitions,
): { readonly schema: Schema; readonly orNull: boolean } => {
  const { anyOf, type, ...rest } = schema
  if (Array.isArray(type)) {
    const others = type.filter((one) => one !== "null")
    return {
      schema: others.length === 1 ? { ...schema, type: others[0] as unknown } : schema,
      orNull: others.length < type.length,
    }
  }
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || !anyOf.some(isNull)) return { schema, orNull: false }
  const other: unknown = anyOf.find((one) => !isNull(one))
  return isObject(other)
    ? { schema: { ...resolve(other, definitions), ...rest }, orNull: true }
    : { schema, orNull: true }
}

/** What a schema says of its value, with references in their places. */
const readOf = (value: unknown, definitions: Definitions) =>
  withoutNull(resolve(isObject(value) ? value : {}, definitions), definitions)

const isChoice = (values: unknown): values is ReadonlyArray<string | number | boolean | null> =>
  Array.isArray(values) &&
  values.length > 0 &&
  values.every((value) => value === null || typeof value !== "object")

/** Whether a text is one that no page shows. */
const isSecretText = (schema: Schema): boolean =>
  schema["writeOnly"] === true || schema["format"] === "password"

/** How deep objects in objects have fields. */
const deepest = 3

const fieldOf = (
  name: string,
  value: unknown,
  required: boolean,
  depth: number,
  definitions: Definitions,
): Field => {
  const { orNull, schema } = readOf(value, definitions)
  const { type } = schema
  const base: Base = {
    name,
    label: titleOf(schema) ?? labelOf(name),
    help: text(schema["description"]),
    required: required && !orNull,
    nullWhenEmpty: required && orNull,
  }
  if (isChoice(schema["enum"])) return { ...base, kind: "choice", options: schema["enum"] }
  if (type === "boolean") return { ...base, kind: "boolean" }
  if (type === "string") {
    const maxLength = number(schema["maxLength"])
    const secret = isSecretText(schema)
    return {
      ...base,
      kind: "text",
      long:
        !secret &&
        (schema["format"] === "textarea" ||
          /note|comment|reason|text|message|prompt|body/i.test(name) ||
          (maxLength ?? 0) > 200),
      minLength: number(schema["minLength"]),
      maxLength,
      pattern: text(schema["pattern"]),
      format: secret ? "password" : text(schema["format"]),
    }
  }
  if (type === "number" || type === "integer") {
    return {
      ...base,
      kind: "number",
      whole: type === "integer",
      min: number(schema["minimum"]),
      max: number(schema["maximum"]),
    }
  }
  if (type === "array" && isObject(schema["items"])) {
    const items = readOf(schema["items"], definitions)
    if (items.schema["type"] === "string" && !items.orNull && !items.schema["enum"]) {
      return { ...base, kind: "list" }
    }
  }
  const inner = type === "object" && depth < deepest ? membersOf(schema, depth + 1, definitions) : undefined
  return inner === undefined ? { ...base, kind: "json" } : { ...base, kind: "object", fields: inner }
}

const membersOf = (
  schema: Schema,
  depth: number,
  definitions: Definitions,
): ReadonlyArray<Field> | undefined => {
  if (schema["type"] !== "object" || !isObject(schema["properties"])) return undefined
  if (
    ["oneOf", "anyOf", "allOf", "$ref", "patternProperties"].some((keyword) => Object.hasOwn(schema, keyword))
  )
    return undefined
  const required = Array.isArray(schema["required"]) ? schema["required"] : []
  return Object.entries(schema["properties"]).map(([name, value]) =>
    fieldOf(name, value, required.includes(name), depth, definitions),
  )
}

/** The fields of an object; undefined where the schema is none whose members are all there. */
export const fieldsOf = (schema: Schema | undefined): ReadonlyArray<Field> | undefined => {
  const definitions = definitionsOf(schema)
  return schema === undefined ? undefined : membersOf(readOf(schema, definitions).schema, 0, definitions)
}

/** Whether the value is a text that no page shows. */
export const isSecret = (schema: Schema | undefined): boolean =>
  schema !== undefined && isSecretText(readOf(schema, definitionsOf(schema)).schema)

/** Whether the value is text, which is written as it is. */
export const isText = (schema: Schema | undefined): boolean =>
  schema !== undefined && readOf(schema, definitionsOf(schema)).schema["type"] === "string"

const defaultsOf = (schema: Schema, definitions: Definitions, depth: number): Values => {
  const properties = schema["properties"]
  if (!isObject(properties)) return {}
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(properties)) {
    const one = readOf(value, definitions).schema
    if (Object.hasOwn(one, "default")) values[name] = one["default"]
    else if (Object.hasOwn(one, "const")) values[name] = one["const"]
    else if (one["type"] === "object" && depth < deepest) {
      const inner = defaultsOf(one, definitions, depth + 1)
      if (Object.keys(inner).length > 0) values[name] = inner
    }
  }
  return values
}

/** The values that a form begins with: the defaults of the schema. */
export const initialOf = (schema: Schema | undefined): Values => {
  const definitions = definitionsOf(schema)
  return schema === undefined ? {} : defaultsOf(readOf(schema, definitions).schema, definitions, 0)
}
