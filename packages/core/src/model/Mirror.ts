/**
 * Fields that the wire has as core does: by their names in snake_case, an instant as text. Their schemas and both directions derive from
 * the fields of core, so a new field of core is on the wire without a line here.
 */
import { Array, Record, Schema, Struct } from "effect"
import * as SnakeCase from "./SnakeCase.js"

/** An instant in UTC. */
export const Timestamp = Schema.DateTimeUtc.annotations({
  description: "An instant in UTC, ISO 8601",
  jsonSchema: { type: "string", format: "date-time" },
})

/** A field that may be absent or null on the wire, with the same meaning. */
export const nullish = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

type OnWire<Field> = Field extends typeof Schema.DateTimeUtcFromNumber ? typeof Timestamp : Field

type Nullish<Field> =
  OnWire<Field> extends infer Of extends Schema.Schema.All ? Schema.optional<Schema.NullOr<Of>> : never

/** A field that core always has is required; another may be absent or null. */
type Mirrored<Field> =
  Field extends Schema.optional<infer Of>
    ? Nullish<Of>
    : Field extends Schema.NullOr<infer Of>
      ? Nullish<Of>
      : OnWire<Field>

type MirroredFields<Fields> = {
  readonly [Name in keyof Fields as SnakeCase.SnakeCase<Name & string>]: Mirrored<Fields[Name]>
}

type WireType<Fields> =
  MirroredFields<Fields> extends infer Of extends Schema.Struct.Fields ? Schema.Struct.Type<Of> : never

/** Fields on the wire, and both directions. */
export interface Mirror<Fields extends Schema.Struct.Fields> {
  /** Their names in core. */
  readonly names: ReadonlyArray<keyof Fields>
  readonly fields: MirroredFields<Fields>
  readonly decode: (wire: WireType<Fields>) => Schema.Struct.Type<Fields>
  readonly encode: (value: Schema.Struct.Type<Fields>) => WireType<Fields>
}

type Plain = Schema.Schema<unknown>

const onWire = (schema: Plain): Plain =>
  (schema as unknown) === Schema.DateTimeUtcFromNumber ? (Timestamp as unknown as Plain) : schema

/** The schema of a value, and what core has where there is none. */
const partsOf = (
  field: Schema.Struct.Field,
): { readonly schema: Plain; readonly none?: "null" | "absent" } => {
  if (!Schema.isSchema(field)) return { schema: (field as Schema.optional<Plain>).from, none: "absent" }
  const members = "members" in field ? (field.members as ReadonlyArray<Plain>) : []
  return members[1] === (Schema.Null as unknown)
    ? { schema: members[0]!, none: "null" }
    : { schema: field as Plain }
}

/** Mirrors fields of core. `none`: what the wire has where core has no value: the key with null, or no key. */
export const mirror = <Fields extends Schema.Struct.Fields>(
  fields: Fields,
  none: "null" | "absent",
): Mirror<Fields> => {
  const names = Array.map(Record.toEntries(fields as Schema.Struct.Fields), ([core, field]) => {
    const { none: ofCore, schema } = partsOf(field)
    const type = onWire(schema)
    return {
      core,
      wire: SnakeCase.snakeCase(core),
      ofCore,
      field: ofCore === undefined ? type : nullish(type),
    }
  })
  type Values = Readonly<Record<string, unknown>>
  const decode = (wire: Values): Values => {
    const value: Record<string, unknown> = {}
    for (const name of names) {
      const found = wire[name.wire]
      if (found != null) value[name.core] = found
      else if (name.ofCore === "null") value[name.core] = null
    }
    return value
  }
  const encode = (value: Values): Values => {
    const wire: Record<string, unknown> = {}
    for (const name of names) {
      const found = value[name.core]
      if (found != null) wire[name.wire] = found
      else if (none === "null") wire[name.wire] = null
    }
    return wire
  }
  const wireFields = Record.fromIterableWith(names, ({ field, wire }) => [wire, field])
  return { names: Struct.keys(fields), fields: wireFields, decode, encode } as unknown as Mirror<Fields>
}

type WithoutNull<Field> = Field extends Schema.optional<Schema.NullOr<infer Of>> ? Schema.optional<Of> : Field

/** The same fields where those that may be absent may not be null. */
export const withoutNull = <Fields extends Schema.Struct.Fields>(
  fields: Fields,
): { readonly [Name in keyof Fields]: WithoutNull<Fields[Name]> } =>
  Record.map(fields as Schema.Struct.Fields, (field) =>
    Schema.isSchema(field) ? field : Schema.optional(partsOf((field as Schema.optional<Plain>).from).schema),
  ) as never

/** The same fields with what the description of the API says of some of them. */
export const describe = <Fields extends Schema.Struct.Fields>(
  fields: Fields,
  descriptions: { readonly [Name in keyof Fields]?: string },
): Fields =>
  Record.map(fields as Schema.Struct.Fields, (field, name) => {
    const description = descriptions[name]
    return description === undefined ? field : (field as Schema.optional<Plain>).annotations({ description })
  }) as Fields
