/** Schemas that every part of the wire shares: names are snake_case, instants are ISO 8601 text. */
import { nullish, Timestamp } from "@runlease/core/Mirror"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Record, Schema, SchemaAST, ParseResult, Predicate } from "effect"
import * as WholeJsonSchema from "./Wire/WholeJsonSchema.js"

// Structs that differ by a literal in one of their fields.

/**
 * A union, or one optional struct, whose members differ by the literal in `field`.
 *
 * A union of Schema chooses its member by `String(value[field])`, which throws for an object whose `toString` is no
 * function. JSON can hold such an object, so this refuses a `field` that is an object before the union reads it.
 */
export const choice = <A, I>(field: string, members: Schema.Schema<A, I>): Schema.Schema<A, unknown> => {
  const sent = Schema.Unknown.annotations({ jsonSchema: WholeJsonSchema.of(members) })
  return Schema.transformOrFail(sent, members, {
    strict: false,
    decode: (value, _, ast) =>
      Predicate.isRecord(value) && Predicate.isObject(value[field])
        ? ParseResult.fail(
            new ParseResult.Pointer(field, value, new ParseResult.Type(ast, value[field], "must be text")),
          )
        : ParseResult.succeed(value),
    encode: ParseResult.succeed,
  })
}

/** Reads a wire schema as a value of core, which is never null. The wire schema checks; the two functions only rename. */
export const as =
  <A extends {}>() =>
  <W, I>(
    wire: Schema.Schema<W, I>,
    names: { readonly decode: (wire: W) => A; readonly encode: (value: A) => W },
  ): Schema.Schema<A, I> =>
    Schema.transform(
      wire,
      Schema.declare((value: unknown): value is A => value !== null && value !== undefined),
      { strict: true, ...names },
    )

export { nullish, Timestamp }

/** Any JSON object, unchanged. */
export const JsonObject: Schema.Schema<Readonly<Record<string, unknown>>> = Schema.declare(
  (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  { message: () => "must be an object", jsonSchema: { type: "object" } },
)

/** The most bytes of JSON of what describes a worker, a session or a conversation: lists have it whole. */
const maxDescription = 65_536

/** An object that describes something in a list. */
export const Description: Schema.Schema<Readonly<Record<string, unknown>>> = JsonObject.pipe(
  Schema.filter((value) => JSON.stringify(value).length <= maxDescription, {
    message: () => `must take at most ${maxDescription} bytes of JSON`,
    jsonSchema: {},
  }),
)

/** A field whose name on the wire is `key`. */
export const from =
  <Key extends string>(key: Key) =>
  <A, I>(schema: Schema.Schema<A, I>) =>
    Schema.propertySignature(schema).pipe(Schema.fromKey(key))

/** The fields of a struct with their names on the wire: a schema has that of its field, in snake_case. */
type WireFields<Fields extends Schema.Struct.Fields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Schema.Schema.All
    ? Schema.PropertySignature<
        ":",
        Schema.Schema.Type<Fields[Name]>,
        SnakeCase.SnakeCase<Name & string>,
        ":",
        Schema.Schema.Encoded<Fields[Name]>
      >
    : Fields[Name]
}

const named = (name: string, field: Schema.Struct.Field): Schema.Struct.Field =>
  Schema.isSchema(field) ? from(SnakeCase.snakeCase(name))(field as Schema.Schema<unknown>) : field

/**
 * A struct whose fields have other names on the wire: those in snake_case, or that of `from`. The description of the API shows the wire
 * alone: JSONSchema adds the titles and descriptions of the renamed fields to those of the wire, unless the renamed struct has its own JSON
 * Schema.
 */
export const renamed = <Fields extends Schema.Struct.Fields>(
  fields: Fields,
): Schema.Schema<Schema.Struct.Type<Fields>, Schema.Struct.Encoded<WireFields<Fields>>> => {
  const { ast } = Schema.Struct(Record.map(fields, (field, name) => named(name, field)))
  return Schema.make(
    SchemaAST.isTransformation(ast)
      ? new SchemaAST.Transformation(
          ast.from,
          SchemaAST.annotations(ast.to, { [SchemaAST.JSONSchemaAnnotationId]: { anyOf: [] } }),
          ast.transformation,
          ast.annotations,
        )
      : ast,
  )
}

/** A field that may be absent or null on the wire, and is absent then. */
export const absent = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

/** A field that may be absent or null on the wire, and is null then. */
export const orNull = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.NullOr(schema), { default: () => null })

/** Any JSON value. JSON has no undefined, so that becomes null. */
export const Json: Schema.Schema<unknown> = Schema.transform(Schema.Unknown, Schema.Unknown, {
  strict: true,
  decode: (value) => value ?? null,
  encode: (value) => value ?? null,
})

/** The body may be left out where every field of it may be. */
export const orEmpty = <A extends object, I>(
  schema: Schema.Schema<A, I>,
  empty: A,
): Schema.Schema<A, I | null> =>
  as<A>()(Schema.NullOr(schema), { decode: (wire) => wire ?? empty, encode: (value) => value })

/** A list of at most `max` items. Its length is checked before its items, so what a list costs that is refused does not grow with it. */
export const atMost =
  (max: number) =>
  <A, I extends ReadonlyArray<unknown>>(list: Schema.Schema<A, I>): Schema.Schema<A, I> =>
    Schema.compose(
      Schema.declare((value: unknown): value is I => Array.isArray(value) && value.length <= max, {
        message: ({ actual }) =>
          Array.isArray(actual) ? `must hold at most ${max} items` : "must be a list",
        jsonSchema: WholeJsonSchema.of(list, { maxItems: max }),
      }),
      list,
      { strict: false },
    )

/** The place of a page in its list. `next` is the cursor of the page after it, null on the last. */
export const PageInfo = Schema.Struct({
  self: Schema.NullOr(Schema.String),
  first: Schema.Null,
  next: Schema.NullOr(Schema.String),
  prev: Schema.Null,
}).annotations({ identifier: "PageInfo" })

export const pageOf = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.Struct({ data: Schema.Array(item), page_info: PageInfo })

export const pageInfo = (self: string | undefined, next: string | null): typeof PageInfo.Type => ({
  self: self ?? null,
  first: null,
  next,
  prev: null,
})

/** A whole number in a query or a header: digits alone. */
export const integerText = (min: number, max: number): Schema.Schema<number, string> =>
  Schema.transform(
    Schema.String.pipe(
      Schema.pattern(/^[0-9]{1,15}$/, { message: () => "must be a whole number, written in digits" }),
    ),
    Schema.Int.pipe(Schema.between(min, max, { message: () => `must be between ${min} and ${max}` })),
    { strict: true, decode: Number, encode: String },
  ).annotations({ jsonSchema: { type: "integer", minimum: min, maximum: max } })

/** The query of a paged list; `cursor` is a `next` of an earlier page. */
export const pageParams = {
  cursor: Schema.optional(Schema.String),
  limit: Schema.optional(integerText(1, 100)),
}

/** The answer to a request that deletes. */
export const Deleted = Schema.Struct({ deleted: Schema.Boolean })
