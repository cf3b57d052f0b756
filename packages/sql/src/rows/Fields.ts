/** Fields of values as columns of tables. */
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Struct } from "effect"
import type { ColumnType, ToRow, Value } from "./Columns.js"

/** A column of tables, and how it has the values of a field. */
export interface Field<A> {
  readonly type: ColumnType
  readonly tables: ReadonlyArray<string>
  /** The column's name where it is not the field's own. */
  readonly column: string | undefined
  readonly encode: (value: A) => Value
  readonly decode: (value: never) => A
}

/** A field for each property of a value. */
export type Fields<A> = { readonly [Name in keyof A]-?: Field<A[Name]> }

/** A field of which only the names and types matter. */
interface AnyField extends Omit<Field<unknown>, "encode"> {
  readonly encode: (value: never) => Value
}

export type AnyFields = Readonly<Record<string, AnyField>>

/** The JSON text of a value; null for none. */
export const toJson = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

/** The value of a JSON column, which only this package writes. */
export const fromJson = <A>(text: string | null | undefined): A | null =>
  text == null ? null : (JSON.parse(text) as A)

// Values of the database were checked before they were written.
const unchanged = <A>(value: A): A => value

/** A text that the column has as it is. */
export const text = <A extends string | null>(tables: ReadonlyArray<string>, column?: string): Field<A> => ({
  type: "text",
  tables,
  column,
  encode: unchanged,
  decode: unchanged,
})

/** A number that the column has as it is. */
export const integer = <A extends number | null>(
  tables: ReadonlyArray<string>,
  column?: string,
): Field<A> => ({ type: "integer", tables, column, encode: unchanged, decode: unchanged })

/** A value as JSON. What JSON cannot carry is null. */
export const json = <A>(tables: ReadonlyArray<string>, column?: string): Field<A | null> => ({
  type: "text",
  tables,
  column,
  encode: toJson,
  decode: fromJson as (value: never) => A | null,
})

export const columnOf = (name: string, { column }: Pick<AnyField, "column">): string =>
  column ?? SnakeCase.snakeCase(name)

/** The columns that these fields have in a table, and their types. */
export const columnsIn = (table: string, fields: AnyFields): Record<string, ColumnType> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      field.tables.includes(table) ? [[columnOf(name, field), field.type]] : [],
    ),
  )

/** A field as a column of one table. */
export interface Encoder<A> {
  readonly name: keyof A & string
  readonly column: string
  readonly encode: (value: A[keyof A]) => Value
}

/** How these fields are written into a table. */
export const encodersFor = <A extends object>(table: string, fields: Fields<A>): ReadonlyArray<Encoder<A>> =>
  Struct.keys(fields).flatMap((name) => {
    const field: AnyField = fields[name]
    return field.tables.includes(table)
      ? [
          {
            name: name as keyof A & string,
            column: columnOf(name as string, field),
            encode: field.encode as Encoder<A>["encode"],
          },
        ]
      : []
  })

/**
 * Makes the function that reads a value from a row of these columns. What has no column there is as in `constants`, or
 * as for null. All values are copies of one, so that they have one shape.
 */
export const reader = <A extends object>(
  fields: Fields<A>,
  columns: ReadonlyArray<string>,
  constants: object = {},
): ToRow<A> => {
  const all = Object.entries<AnyField>(fields).map(([name, field]) => ({
    name,
    decode: field.decode as (value: unknown) => unknown,
    position: columns.indexOf(columnOf(name, field)),
  }))
  const absent = {
    ...constants,
    ...Object.fromEntries(all.map(({ decode, name }) => [name, decode(null)])),
    ...constants,
  }
  const present = all.filter(({ position }) => position >= 0)
  const plain = present.filter(({ decode }) => decode === unchanged)
  const decoded = present.filter(({ decode }) => decode !== unchanged)
  const plainNames = plain.map(({ name }) => name)
  const plainPositions = plain.map(({ position }) => position)
  return (values) => {
    const made: Record<string, unknown> = { ...absent }
    for (let index = 0; index < plainNames.length; index += 1) {
      made[plainNames[index]!] = values[plainPositions[index]!]
    }
    for (let index = 0; index < decoded.length; index += 1) {
      const { decode, name, position } = decoded[index]!
      made[name] = decode(values[position])
    }
    return made as A
  }
}
