/**
 * The types of rows that are handed to a statement.
 *
 * @since 0.1.0
 */

/** The columns of rows that are handed to a statement, and their types. */
export type Columns = Readonly<Record<string, "integer" | "text">>

/** A row of bare values as an object of its columns. */
export type ToRow<A> = (values: ReadonlyArray<unknown>) => A

/**
 * Rows of these columns over bare values, as the driver reads them fastest. A row reads its array by position and copies nothing,
 * so its columns are properties, but not its own ones: it is not to be spread. `constants` are columns that are not selected, since
 * they are the same in all rows.
 */
export const rowsOf = <A extends object>(
  columns: ReadonlyArray<keyof A>,
  constants: ReadonlyArray<readonly [keyof A, unknown]> = [],
): ToRow<A> => {
  class Row {
    constructor(readonly cells: ReadonlyArray<unknown>) {}
  }
  for (const [index, column] of columns.entries()) {
    Object.defineProperty(Row.prototype, column, {
      get(this: Row) {
        return this.cells[index]
      },
    })
  }
  for (const [column, value] of constants) Object.defineProperty(Row.prototype, column, { value })
  return (values) => {
    const row: object = new Row(values)
    return row as A
  }
}

/** A row with those columns; further keys are allowed and left out. */
export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends "integer"
    ? number | null
    : C[K] extends "text"
      ? string | null
      : number | string | null
}
