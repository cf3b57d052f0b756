/** The types of columns, and of the rows that a statement takes or returns. */

/** What a column has. JSON is text; instants are milliseconds since the epoch. */
export type Value = string | number | null

export type ColumnType = "integer" | "text"

/** The columns of rows that a statement takes, and their types. */
export type Columns = Readonly<Record<string, ColumnType>>

/** A row of bare values as a separate value. */
export type ToRow<A> = (values: ReadonlyArray<unknown>) => A

/**
 * Rows of these columns over bare values, as the driver reads them fastest. A row reads its array by position and copies nothing,
 * so its columns are properties, but not its own ones: it is not to be spread.
 */
export const rowsOf = <A extends object>(columns: ReadonlyArray<keyof A>): ToRow<A> => {
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

export type Row = Readonly<Record<string, Value>>

export const rowOf = (names: ReadonlyArray<string>, values: ReadonlyArray<Value>): Record<string, Value> => {
  const row: Record<string, Value> = {}
  for (const [index, name] of names.entries()) row[name] = values[index]!
  return row
}
