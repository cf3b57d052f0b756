/**
 * What does not fit a JSON Schema, without the value, in the words of `SchemaProblem`.
 *
 * A submitter, a server and a page hold the JSON Schema of an agent's payload, and refuse a payload with the same sentence.
 */
import { type OutputUnit, type Schema, type ValidationResult, Validator } from "@cfworker/json-schema"
import { Array, Option, Predicate } from "effect"

/** How many problems a sentence names. */
const most = 3

/** How many errors of a check are read for its sentence. */
export const maxErrors = 1000

/** How many places that do not fit a sentence counts. */
const maxPlaces = 100

/** The most characters of the name of a property. */
const maxName = 100

const shorten = (name: string): string => (name.length > maxName ? `${name.slice(0, maxName)}…` : name)

const unescape = (part: string): string =>
  decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")

const partsOf = (pointer: string): ReadonlyArray<string> => pointer.split("/").slice(1).map(unescape)

/** What the schema has at the end of the way that the validator went, which passes references without their targets. */
const at = (schema: object, parts: ReadonlyArray<string>): unknown =>
  parts.reduce<unknown>((inner, part) => {
    const reference = Predicate.isRecord(inner) && part === "$ref" ? inner["$ref"] : undefined
    if (typeof reference === "string") return at(schema, partsOf(reference))
    return Predicate.isObject(inner) ? (inner as Record<string, unknown>)[part] : undefined
  }, schema)

/** Keywords that only say that something below them does not fit. */
const passing = new Set(["$ref", "additionalProperties", "allOf", "items", "patternProperties", "properties"])

/** Keywords below which the schemas are alternatives, so that none of what does not fit there says much. */
const branching = new Set(["anyOf", "oneOf", "not", "if"])

const listed = (values: ReadonlyArray<unknown>): string =>
  shorten(values.map((value) => JSON.stringify(value)).join(", "))

/** What is wrong with a value that is outside a bound. */
const bounds: Readonly<Record<string, string>> = {
  exclusiveMaximum: "is not less than",
  exclusiveMinimum: "is not more than",
  format: "has not the format",
  maximum: "is more than",
  maxItems: "has more items than",
  maxLength: "is longer than",
  minimum: "is less than",
  minItems: "has fewer items than",
  minLength: "is shorter than",
  multipleOf: "is no multiple of",
  pattern: "does not match",
}

/** What the schema expects, by the keyword that has failed and its value. */
const expectation = (keyword: string, expected: unknown): string => {
  switch (keyword) {
    case "type":
      return `is no ${Array.ensure(expected).join(" or ")}`
    case "enum":
      return `is none of ${listed(Array.ensure(expected))}`
    case "const":
      return `is not ${listed([expected])}`
    case "anyOf":
    case "oneOf":
      return "has none of the forms that it may have"
    case "required":
      return "is missing"
    case "false":
      return "is not expected"
    default: {
      const bound = bounds[keyword]
      return bound === undefined ? `does not fit ${keyword}` : `${bound} ${shorten(String(expected))}`
    }
  }
}

/** The names of fields and the places in a list are the schema's. The keys of a record are the value's, and become `*`. */
const pathOf = (instance: ReadonlyArray<string>, way: ReadonlyArray<string>): ReadonlyArray<string> => {
  const isNamed: Array<boolean> = []
  for (let index = 0; index < way.length && isNamed.length < instance.length; index += 1) {
    const part = way[index]!
    if (part === "properties") {
      isNamed.push(true)
      index += 1
    } else if (part === "items" || part === "prefixItems") isNamed.push(true)
    else if (part === "additionalProperties" || part === "patternProperties") isNamed.push(false)
  }
  return instance.map((part, index) => (isNamed[index] === false ? "*" : shorten(part)))
}

const sentenceOf = (schema: object, unit: OutputUnit): string => {
  const way = partsOf(unit.keywordLocation)
  const missing = unit.keyword === "required" ? /property "(.*)"/s.exec(unit.error)?.[1] : undefined
  const path = [...pathOf(partsOf(unit.instanceLocation), way), ...(missing === undefined ? [] : [missing])]
  const place = path.length === 0 ? "it" : `\`${path.join(".")}\``
  return `${place} ${expectation(unit.keyword, at(schema, way))}`
}

const fitting: ValidationResult = { valid: true, errors: [] }

/** The validator throws where a reference leads nowhere, a pattern is none, or a schema refers to itself in the same place. */
const validatorOf = (schema: object): ((value: unknown) => ValidationResult) => {
  const orFitting = Option.getOrElse(() => fitting)
  const read = Option.liftThrowable(() => new Validator(schema as Schema, "2019-09", false))()
  return (value) =>
    orFitting(Option.flatMap(read, (validator) => Option.liftThrowable(() => validator.validate(value))()))
}

/**
 * What says most of why the value does not fit. The errors below a keyword with alternatives follow that of the keyword itself.
 */
const telling = (units: ReadonlyArray<OutputUnit>): ReadonlyArray<OutputUnit> => {
  let branch: string | undefined
  return units.filter(({ keyword, keywordLocation }) => {
    if (branch !== undefined && keywordLocation.startsWith(branch)) return false
    branch = branching.has(keyword) ? `${keywordLocation}/` : undefined
    return !passing.has(keyword)
  })
}

/** The sentence of the errors that the validator reports, in a time that grows with the first 1,000 of them alone. */
export const describe = (schema: object, all: ReadonlyArray<OutputUnit>): string => {
  const errors = all.slice(0, maxErrors)
  const inner = telling(errors)
  const places = inner.length === 0 ? errors : inner
  const counted = places.slice(0, maxPlaces)
  const sentences = Array.dedupe(counted.map((unit) => sentenceOf(schema, unit)))
  const named = sentences.slice(0, most).join("; ")
  if (sentences.length <= most) return named
  const isAll = counted.length === places.length && errors.length === all.length
  return `${named}; and ${isAll ? "" : "at least "}${sentences.length - most} more`
}

/**
 * A check of values by a JSON Schema, as `JSONSchema.make` returns it. The check returns a sentence, or undefined where
 * the value fits. A schema that the validator cannot read accepts everything.
 *
 * Its time has no bound: `JsonSchemaCost` has one before the check.
 */
export const make = (schema: object): ((value: unknown) => string | undefined) => {
  const validate = validatorOf(schema)
  return (value) => {
    const { errors, valid } = validate(value)
    return valid ? undefined : describe(schema, errors)
  }
}

/** The sentence with which a payload of an agent is refused, wherever that is. */
export const ofPayload = (agent: string, problem: string): string =>
  `The payload of agent ${agent} does not fit: ${problem}`
