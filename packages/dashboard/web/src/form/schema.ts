/** Fields of a form, from a JSON Schema. What no field can show is given as JSON. */

export type Schema = Readonly<Record<string, unknown>>

interface Base {
  readonly name: string
  readonly label: string
  readonly help: string | undefined
  readonly required: boolean
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

/** A type that may be null as well is that type, and not required. */
const typeOf = (schema: Schema): { readonly type: string | undefined; readonly orNull: boolean } => {
  const { type } = schema
  if (!Array.isArray(type)) return { type: text(type), orNull: false }
  const others = type.filter((one) => one !== "null")
  return { type: others.length === 1 ? text(others[0]) : undefined, orNull: others.length < type.length }
}

const isChoice = (values: unknown): values is ReadonlyArray<string | number | boolean | null> =>
  Array.isArray(values) &&
  values.length > 0 &&
  values.every((value) => value === null || typeof value !== "object")

/** How deep objects in objects have fields. */
const deepest = 3

const fieldOf = (name: string, value: unknown, required: boolean, depth: number): Field => {
  const schema: Schema = isObject(value) ? value : {}
  const { orNull, type } = typeOf(schema)
  const base: Base = {
    name,
    label: text(schema["title"]) ?? labelOf(name),
    help: text(schema["description"]),
    required: required && !orNull,
  }
  if (isChoice(schema["enum"])) return { ...base, kind: "choice", options: schema["enum"] }
  if (type === "boolean") return { ...base, kind: "boolean" }
  if (type === "string") {
    const maxLength = number(schema["maxLength"])
    return {
      ...base,
      kind: "text",
      long:
        schema["format"] === "textarea" ||
        /note|comment|reason|text|message|prompt|body/i.test(name) ||
        (maxLength ?? 0) > 200,
      minLength: number(schema["minLength"]),
      maxLength,
      pattern: text(schema["pattern"]),
      format: text(schema["format"]),
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
  if (
    type === "array" &&
    isObject(schema["items"]) &&
    typeOf(schema["items"]).type === "string" &&
    !schema["items"]["enum"]
  ) {
    return { ...base, kind: "list" }
  }
  const inner = type === "object" && depth < deepest ? fieldsOf(schema, depth + 1) : undefined
  return inner === undefined ? { ...base, kind: "json" } : { ...base, kind: "object", fields: inner }
}

/** The fields of an object; undefined where the schema does not list all of its members. */
export const fieldsOf = (schema: Schema | undefined, depth = 0): ReadonlyArray<Field> | undefined => {
  if (schema === undefined || typeOf(schema).type !== "object" || !isObject(schema["properties"]))
    return undefined
  if (
    ["oneOf", "anyOf", "allOf", "$ref", "patternProperties"].some((keyword) => Object.hasOwn(schema, keyword))
  )
    return undefined
  const required = Array.isArray(schema["required"]) ? schema["required"] : []
  return Object.entries(schema["properties"]).map(([name, value]) =>
    fieldOf(name, value, required.includes(name), depth),
  )
}

/** The values that a form begins with: the defaults that the schema tells. */
export const initialOf = (schema: Schema | undefined): Values => {
  const properties = schema?.["properties"]
  if (!isObject(properties)) return {}
  const values: Record<string, unknown> = {}
  for (const [name, one] of Object.entries(properties)) {
    if (!isObject(one)) continue
    if (Object.hasOwn(one, "default")) values[name] = one["default"]
    else if (Object.hasOwn(one, "const")) values[name] = one["const"]
    else if (typeOf(one).type === "object") {
      const inner = initialOf(one)
      if (Object.keys(inner).length > 0) values[name] = inner
    }
  }
  return values
}
