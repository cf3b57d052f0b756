/**
 * The types of rows that are handed to a statement.
 *
 * @since 0.1.0
 */

/** The columns of rows that are handed to a statement, and their types. */
export type Columns = Readonly<Record<string, "integer" | "text">>

/** A row of bare values, as the driver reads it fastest, as an object of these columns. */
export const toRow = <A extends object>(
  columns: ReadonlyArray<keyof A>,
  values: ReadonlyArray<unknown>,
): A => {
  const row: { [K in keyof A]?: unknown } = {}
  for (let index = 0; index < columns.length; index += 1) row[columns[index]!] = values[index]
  return row as A
}

/** A row with those columns; further keys are allowed and left out. */
export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends "integer"
    ? number | null
    : C[K] extends "text"
      ? string | null
      : number | string | null
}
