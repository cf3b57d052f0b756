/** What somebody has written into the fields of a form, as the value that its schema wants, or what is wrong with it. */
import type { Field, Values } from "./schema"

/** Problems by the path of the field: `target.branch`. */
export type Problems = Readonly<Record<string, string>>

export interface Payload {
  readonly value: Readonly<Record<string, unknown>>
  readonly problems: Problems
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

type Read = { readonly value: unknown } | { readonly problem: string } | undefined

const ofText = (field: Field & { readonly kind: "text" }, input: unknown): Read => {
  const text = typeof input === "string" ? input : ""
  if (text === "") return field.required ? { problem: "Fill this in" } : undefined
  if (text.length < (field.minLength ?? 0)) return { problem: `At least ${field.minLength} characters` }
  if (text.length > (field.maxLength ?? Infinity)) return { problem: `At most ${field.maxLength} characters` }
  if (field.pattern !== undefined && !matches(field.pattern, text))
    return { problem: `Must match ${field.pattern}` }
  return { value: text }
}

const matches = (pattern: string, text: string): boolean => {
  try {
    return new RegExp(pattern, "u").test(text)
  } catch {
    return true
  }
}

const ofNumber = (field: Field & { readonly kind: "number" }, input: unknown): Read => {
  const text = typeof input === "number" ? String(input) : typeof input === "string" ? input.trim() : ""
  if (text === "") return field.required ? { problem: "Fill this in" } : undefined
  const value = Number(text)
  if (Number.isNaN(value)) return { problem: "Must be a number" }
  if (field.whole && !Number.isInteger(value)) return { problem: "Must be a whole number" }
  if (value < (field.min ?? -Infinity)) return { problem: `At least ${field.min}` }
  if (value > (field.max ?? Infinity)) return { problem: `At most ${field.max}` }
  return { value }
}

/** JSON as somebody has written it. */
export const parsed = (text: string): { readonly value: unknown } | { readonly problem: string } => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { problem: `No JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const ofJson = (field: Field, input: unknown): Read => {
  if (typeof input !== "string")
    return input === undefined ? (field.required ? { problem: "Fill this in" } : undefined) : { value: input }
  if (input.trim() === "") return field.required ? { problem: "Fill this in" } : undefined
  return parsed(input)
}

const read = (field: Field, input: unknown): Read => {
  switch (field.kind) {
    case "text":
      return ofText(field, input)
    case "number":
      return ofNumber(field, input)
    case "boolean":
      return { value: input === true }
    case "choice":
      return input === undefined ? (field.required ? { problem: "Choose one" } : undefined) : { value: input }
    case "list": {
      const lines = (
        Array.isArray(input) ? input.map(String) : typeof input === "string" ? input.split("\n") : []
      )
        .map((line) => line.trim())
        .filter((line) => line !== "")
      if (lines.length === 0) return field.required ? { problem: "Write one a line" } : undefined
      return { value: lines }
    }
    case "json":
      return ofJson(field, input)
    case "object":
      return undefined
  }
}

/** The value of a form. Fields that are left empty and not required are absent, or null where the schema wants them. */
export const payloadOf = (fields: ReadonlyArray<Field>, values: Values, path = ""): Payload => {
  const value: Record<string, unknown> = {}
  const problems: Record<string, string> = {}
  for (const field of fields) {
    const at = path === "" ? field.name : `${path}.${field.name}`
    const input = values[field.name]
    if (field.kind === "object") {
      const inner = payloadOf(field.fields, isObject(input) ? input : {}, at)
      Object.assign(problems, inner.problems)
      if (Object.values(inner.value).some((one) => one !== null) || field.required) {
        value[field.name] = inner.value
      }
      continue
    }
    const one = read(field, input)
    if (one === undefined) {
      if (field.nullWhenEmpty) value[field.name] = null
      continue
    }
    if ("problem" in one) problems[at] = one.problem
    else value[field.name] = one.value
  }
  return { value, problems }
}
