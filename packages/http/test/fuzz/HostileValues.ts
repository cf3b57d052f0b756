/** Values that no endpoint asks for, and values that a JSON Schema asks for. */
import { FastCheck as fc } from "effect"

/** As much of a JSON Schema as the description of the API has. */
export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<unknown>
  readonly const?: unknown
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly oneOf?: ReadonlyArray<JsonSchema>
  readonly allOf?: ReadonlyArray<JsonSchema>
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema | false
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
}

export type Schemas = Readonly<Record<string, JsonSchema>>

const nested = (open: string, inner: string, close: string) =>
  fc
    .integer({ min: 1, max: 400 })
    .map((depth) => JSON.parse(open.repeat(depth) + inner + close.repeat(depth)) as unknown)

export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "x\udfff",
    "\u202e\u2066\ufeff",
    "e\u0301".repeat(200),
    ".",
    "..",
    "../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e%2f",
    "/a//b/",
    "__proto__",
    "constructor",
    "toString",
    "' OR 1=1 --",
    '"; DROP TABLE runs; --',
    "${7*7}{{7*7}}",
    "<script>alert(1)</script>",
    "\r\nSet-Cookie: a=b",
    "null",
    "NaN",
    "-1",
    "1e999",
    "99999999999999999999",
  ),
  fc.integer({ min: 1, max: 20_000 }).map((length) => "a".repeat(length)),
)

const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(-1, 0, -0, 0.5, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

const strangeObjects: fc.Arbitrary<unknown> = fc
  .constantFrom(
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"toString":1,"valueOf":{},"hasOwnProperty":null}',
    '{"toJSON":1,"then":1}',
    '{"":1," ":2,"\\u0000":3}',
    '{"length":1e9,"0":1}',
    '{"type":"__proto__","kind":"constructor"}',
  )
  .map((text) => JSON.parse(text) as unknown)

export const values: fc.Arbitrary<unknown> = fc.oneof(
  texts,
  numbers,
  fc.constantFrom(null, true, false, [], {}, [null], [[]]),
  strangeObjects,
  nested("[", "", "]"),
  nested('{"a":', "1", "}"),
  fc.array(fc.oneof(texts, numbers), { maxLength: 300 }),
)

const ofText = ({
  format,
  maxLength = 40,
  minLength = 0,
  pattern = "",
}: JsonSchema): fc.Arbitrary<unknown> => {
  if (format === "uuid" || pattern.includes("[0-9a-f]{8}")) return fc.uuid()
  if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) })
}

/** Bounds of a schema, where numbers may be as large as a double, and need not be whole. */
const ofInteger = ({ maximum = 1000, minimum = 0 }: JsonSchema): fc.Arbitrary<number> => {
  const least = Math.ceil(minimum)
  return fc.integer({
    min: Math.max(least, -1_000_000),
    max: Math.max(least, Math.min(Math.floor(maximum), 1_000_000)),
  })
}

/** Puts a value on a key that may be `__proto__`. */
const put = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
}

type Field = readonly [key: string, value: unknown]

const objectOf = (fields: ReadonlyArray<Field | undefined>): object => {
  const made = {}
  for (const field of fields) if (field !== undefined) put(made, field[0], field[1])
  return made
}

const extra: fc.Arbitrary<Field | undefined> = fc.oneof(
  { weight: 7, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.oneof(fc.constantFrom("__proto__", "constructor", "admin", "project_id"), texts),
      values,
    ),
  },
)

/**
 * Values of a schema. `wrong` of a hundred values in it, at any depth, are of another kind, and as many fields are missing.
 */
export const ofSchema = (schemas: Schemas, schema: JsonSchema, wrong: number): fc.Arbitrary<unknown> => {
  const known = new Map<string, fc.Arbitrary<unknown>>()

  const orWrong = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 100 - wrong, arbitrary: right }, { weight: wrong, arbitrary: values })

  const field = (key: string, inner: JsonSchema, depth: number): fc.Arbitrary<Field | undefined> =>
    fc.oneof(
      { weight: 100 - wrong, arbitrary: of(inner, depth + 1).map((value): Field => [key, value]) },
      { weight: wrong, arbitrary: fc.constant(undefined) },
    )

  const right = (inner: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    const choices = inner.anyOf ?? inner.oneOf ?? inner.allOf
    if (inner.const !== undefined) return fc.constant(inner.const)
    if (inner.enum !== undefined) return fc.constantFrom(...inner.enum)
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => of(choice, depth + 1)))
    switch (inner.type) {
      case "string":
        return ofText(inner)
      case "integer":
      case "number":
        return ofInteger(inner)
      case "boolean":
        return fc.boolean()
      case "null":
        return fc.constant(null)
      case "array":
        return depth > 5 || !inner.items
          ? fc.constant([])
          : fc.array(of(inner.items, depth + 1), { maxLength: 3 })
      case "object":
        return depth > 5
          ? fc.constant({})
          : fc
              .tuple(
                extra,
                ...Object.entries(inner.properties ?? {}).map(([key, one]) => field(key, one, depth)),
              )
              .map(objectOf)
      default:
        return values
    }
  }

  const of = (inner: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    if (inner.$ref === undefined) return orWrong(right(inner, depth))
    const name = inner.$ref.split("/").at(-1)!
    const key = `${name} ${Math.min(depth, 6)}`
    const found = known.get(key)
    if (found !== undefined) return found
    if (depth > 6) return fc.constant({})
    const made = of(schemas[name]!, depth + 1)
    known.set(key, made)
    return made
  }

  return of(schema, 0)
}
